"""What a program does with a name, as far as that says what the name stands for.

`self.net`, `args.net` and `net` count as one name: what is asked of one of them is asked of what they hold.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

ASKED = {  # a member that only one kind of thing has
    "model": "parameters named_parameters train eval load_state_dict modules children half",
    "optimizer": "param_groups",
    "scaler": "unscale_",
    "table": "iloc columns fillna iterrows itertuples groupby dropna resample reset_index set_index sort_values to_csv nunique to_numpy",
    "loader": "dataset batch_sampler",
    "inputs": "shape size dim ndim view permute unsqueeze squeeze detach numel long float reshape contiguous flatten",
}
MEMBERS = {name: role for role, names in ASKED.items() for name in names.split()}
OF_LOADERS = set("dataset batch_sampler batch_size sampler num_workers collate_fn drop_last shuffle next __iter__ __len__ "
                 "set_epoch pin_memory generator num_samples".split())  # fmt: skip
PATH_CALLS = {
    "open",
    "join",
    "load",
    "makedirs",
    "mkdir",
    "listdir",
    "exists",
    "isfile",
    "isdir",
    "Path",
    "glob",
}
PATH_OWNERS = {"os", "path", "torch", "glob", "np", "json", "pickle", "yaml", ""}
SIZED_CALLS = {"Linear", "Conv1d", "Conv2d", "Conv3d", "Embedding", "LSTM", "GRU", "RNN", "BatchNorm1d", "BatchNorm2d",
               "zeros", "ones", "randn", "rand", "randint", "full", "empty", "arange"}  # fmt: skip
RATES = {"lr", "weight_decay", "momentum", "dropout"}  # as keywords
BAGS = re.compile(
    r"(?i)(args|arg|cfgs?|configs?|configuration|conf|opts?|options|hparams?|hyp|hyper_?params|params|flags|settings|hp|_{1,2}c)"
)
PLAYERS = re.compile(r"[GD](_[A-Z]\w{0,2}|\d|_?[AB]2[AB])?")  # networks that papers call by a letter
NETWORK = re.compile(r"(\w*_)?(model|net|network|classifier)")
STRONG = (
    "model",
    "optimizer",
    "scaler",
    "table",
    "loader",
    "section",
    "path",
)  # uses that say more than any name


def roles_by_use(tree: ast.Module) -> dict[str, str]:
    """For each name the role that its uses tell, where they tell one: the strongest of them."""
    found: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        for thing, role in (*_told(node), *_divided_by(node)):
            name = name_of(thing)
            if name:
                found.setdefault(name, set()).add(role)
        if isinstance(node, ast.Attribute):
            asked.setdefault(name_of(node.value), set()).add(node.attr)
    for name in [name for name, roles in found.items() if "loader" in roles and asked[name] - OF_LOADERS]:
        found[name] = found[name] - {"loader"} | {"section"}  # settings have an entry `dataset` as well
    return {name: _strongest(roles) for name, roles in found.items()}


def _strongest(roles: set[str]) -> str:
    order = (
        *STRONG,
        "array",
        "criterion",
        "device",
        "text",
        "rate",
        "counts",
        "every",
        "count",
        "inputs",
        "false",
    )
    return next(role for role in order if role in roles)


def name_of(node: ast.AST) -> str:
    """`net` of `net`, `self.net`, `args.net` and `config["net"]`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _told(node: ast.AST) -> Iterator[tuple[ast.expr | ast.arg, str]]:
    match node:
        case ast.Attribute(value=value, attr=name) if name in MEMBERS:
            yield value, MEMBERS[name]
        case ast.arg(annotation=ast.Attribute(attr="DataFrame") | ast.Name(id="DataFrame")):
            yield node, "table"
        case ast.Attribute(value=ast.Call(func=ast.Attribute(value=value, attr="scale")), attr="backward"):
            yield value, "scaler"  # of gradients, and not of columns
        case ast.Attribute(value=ast.Attribute() | ast.Subscript() as value) if _in_settings(value):
            yield value, "section"
        case ast.Subscript(
            value=ast.Attribute() | ast.Subscript() as value, slice=ast.Constant(value=str())
        ) if _in_settings(value):
            yield value, "section"
        case ast.Assign(
            targets=[ast.Subscript(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"))], value=value
        ):
            yield value, "text"
        case ast.Subscript(
            value=ast.Attribute() | ast.Subscript() as value,
            slice=ast.Slice() | ast.UnaryOp() | ast.Constant(value=int()),
        ) if _in_settings(value):
            yield value, "counts"
        case ast.BinOp(left=ast.List(), op=ast.Add(), right=ast.Attribute() | ast.Subscript() as value) if (
            _in_settings(value)
        ):
            yield value, "counts"
        case ast.If(test=test) | ast.IfExp(test=test):
            yield from ((part, "false") for part in _asked(test))
        case ast.Call():
            yield from _told_by_call(node)


def _divided_by(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """What numbers are divided by: a count, and after how many rounds something happens, as `if step % shown == 0` says."""
    match node:
        case ast.BinOp(
            left=ast.Name() | ast.BinOp(), op=ast.Mod(), right=ast.Name() | ast.Attribute() as value
        ):
            yield value, "count"
        case ast.If(
            test=ast.Compare(
                left=ast.BinOp(op=ast.Mod(), right=ast.Name() | ast.Attribute() as value),
                ops=[ast.Eq()],
                comparators=[ast.Constant(value=0)],
            )
        ):
            yield value, "every"


def _in_settings(node: ast.expr) -> bool:
    """Whether it is an entry of something that is called like settings: `config.data` or `cfg["model"]`."""
    root = node.value if isinstance(node, (ast.Attribute, ast.Subscript)) else node
    name = name_of(root)
    return bool(BAGS.fullmatch(name)) or (
        isinstance(root, (ast.Attribute, ast.Subscript)) and _in_settings(root)
    )


def _asked(test: ast.expr) -> Iterator[ast.expr]:
    """What is taken as true or false by itself."""
    match test:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _asked(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _asked(operand)
        case ast.Name() | ast.Attribute() | ast.Subscript():
            yield test


def _operands(value: ast.expr) -> Iterator[ast.expr]:
    """`epochs` of `epochs + 1`."""
    if isinstance(value, ast.BinOp):
        yield from (*_operands(value.left), *_operands(value.right))
    else:
        yield value


def _told_by_call(call: ast.Call) -> Iterator[tuple[ast.expr, str]]:
    called = name_of(call.func)
    yield from ((part.value, "rate") for part in call.keywords if part.arg in RATES)
    if called in ("sum", "len", "zip", "max") and isinstance(call.func, ast.Name):
        yield from (
            (argument, "counts")
            for argument in call.args[:1]
            if isinstance(argument, (ast.Attribute, ast.Subscript)) and _in_settings(argument)
        )
    owner = name_of(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if (called == "range" and isinstance(call.func, ast.Name)) or (
        called in SIZED_CALLS and owner in ("nn", "torch", "np", "")
    ):
        yield from ((part, "count") for argument in call.args for part in _operands(argument))
    elif called.startswith("Dropout") and owner in ("nn", ""):
        yield from (
            (value, "rate") for value in (*call.args[:1], *(k.value for k in call.keywords if k.arg == "p"))
        )
    elif called in PATH_CALLS and owner in PATH_OWNERS and call.args:
        yield call.args[0], "path"
    elif called.endswith("_loss") and owner in ("self", "") and len(call.args) > 1:
        yield call.func, "criterion"
    elif PLAYERS.fullmatch(called) and owner in ("self", "") and call.args:
        yield call.func, "model"
    elif called in ("from_numpy", "as_tensor") and owner == "torch" and call.args:
        yield call.args[0], "array"
    elif called == "to" and len(call.args) == 1:
        yield call.args[0], "device"


def texts_of(tree: ast.Module) -> dict[str, str]:
    """Names that are compared with texts or looked up by them, and the first such text: that one the program knows."""
    tables: dict[str, list[object]] = {
        node.targets[0].id: [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Dict)
    }
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, said in _known_as(node, tables):
            if isinstance(said, str) and said:
                found.setdefault(name, said)
    return found


def _known_as(node: ast.AST, tables: dict[str, list[object]]) -> Iterator[tuple[str, object]]:
    match node:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()], comparators=[ast.Constant(value=said)]):
            yield name, said
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.In() | ast.NotIn()],
            comparators=[
                ast.List(elts=[ast.Constant(value=said), *_]) | ast.Tuple(elts=[ast.Constant(value=said), *_])
            ],
        ):
            yield name, said
        case (
            ast.Compare(
                left=ast.Name(id=name), ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=table)]
            )
            | ast.Subscript(value=ast.Name(id=table), slice=ast.Name(id=name))
        ):
            yield from ((name, said) for said in tables.get(table, [])[:1])


def fed(tree: ast.Module) -> set[str]:
    """Names that a network is called with as they are, and that nothing goes through: `model(test_data)`."""
    given: set[str] = set()
    passed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            names = {
                part.id
                for part in (*node.args, *(k.value for k in node.keywords))
                if isinstance(part, ast.Name)
            }
            if NETWORK.fullmatch(name_of(node.func)):
                given |= names
            elif name_of(node.func) in ("len", "iter", "enumerate", "tqdm", "zip", "DataLoader", "fit"):
                passed |= names
        elif isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.iter, ast.Name):
            passed.add(node.iter.id)
    return given - passed


def sections(tree: ast.Module) -> set[str]:
    """Names of which nothing is asked but entries by texts, as of settings: `info["words"]`."""
    asked = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }
    handed = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Call) for part in node.args}
    names = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in handed
    ]
    return {node.id for node in names} - {node.id for node in names if id(node) not in asked}


def looked_up(tree: ast.Module) -> set[str]:
    """Names of which entries are asked for by a text: `loaders["train"]`, `parts[phase]` where the phase is a text."""
    texts = {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.comprehension))
        and isinstance(node.target, ast.Name)
        and isinstance(node.iter, (ast.List, ast.Tuple))
        and any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in node.iter.elts)
    }
    return {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and (
            (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str))
            or (isinstance(node.slice, ast.Name) and node.slice.id in texts)
        )
    }


def cut_into_batches(tree: ast.Module) -> set[str]:
    """Names of which a program takes one part after the other: `x[i * rows : (i + 1) * rows]`, `x[order[start:stop]]`."""
    return {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        for part in ast.walk(node.slice)
        if isinstance(part, ast.Slice)
        and part.lower is not None
        and part.upper is not None
        and not isinstance(part.lower, (ast.Constant, ast.UnaryOp))
    }
