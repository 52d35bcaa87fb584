"""How a program takes its batches apart: a tuple of how many, a dictionary with which keys, by attributes, or whole."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

OF_TENSORS = set(
    "size shape view reshape unsqueeze permute float dim ndim numel long transpose contiguous squeeze".split()
)
OF_CONTAINERS = {
    "to",
    "cuda",
    "cpu",
    "keys",
    "items",
    "values",
    "get",
    "pop",
    "update",
    "append",
    "copy",
    "__class__",
}
OF_EACH_TENSOR = set(
    "T H mT mH data grad grad_fn device dtype layout names is_cuda is_leaf is_sparse requires_grad real imag nbytes itemsize".split()
)  # and are no calls
OF_TEXTS = ("input_ids", "attention_mask")  # what a dictionary of which nothing is said holds
WRAPPERS = {"enumerate", "tqdm", "islice", "cycle", "iter", "trange"}
NO_WRAPPERS = {"range", "len", "zip", "next", "sorted", "list", "sum", "min", "max", "set", "DataLoader"}
LOADERS = (
    r"\w*(loader|dataloader|iterator|batches|_dl|_iter|data_?iter)s?\d?"
    r"(_(tr|train|trn|val|valid|validation|te|test|tst|dev|eval)(ing)?)?|dl"
)
ONLY_LOADERS = re.compile(rf"(?i){LOADERS}")
LOADING = re.compile(rf"(?i){LOADERS}|train_data|\w*data(_?sets?)?")


def batch_form(tree: ast.Module, spots: Sequence[tuple[int, int]] = ()) -> Mapping[str, object]:
    """The form of the first loop that says, those first that hold a spot; two values, inputs and targets, where none does."""
    for target, scope in _served(tree, spots):
        form = _form(target, scope)
        if form:
            return form
    return {"form": "tuple", "names": ["x", "y"], "supposed": True}


def _served(tree: ast.Module, spots: Sequence[tuple[int, int]]) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Targets that batches are bound to, flagged loops first, then those that train, with the code that uses them."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    kept = _kept_calls(tree)
    for loop in sorted(loops, key=lambda node: (not _is_flagged(node, spots), not _trains(node))):
        for target, items in _side_by_side(loop.target, _unfolded(loop.iter, kept)):
            counted, source = _source(items)
            if LOADING.fullmatch(source):
                both = counted and isinstance(target, ast.Tuple) and len(target.elts) == 2
                yield (target.elts[1] if both and isinstance(target, ast.Tuple) else target), loop
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[target], value=ast.Call(func=ast.Name(id="next"))):
                yield target, tree


def _kept_calls(tree: ast.Module) -> dict[str, ast.expr]:
    """Names of what is wrapped or chosen before a loop runs over it: `bar = tqdm(enumerate(loader))`, `one = loaders[0]`."""
    made = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Call, ast.Subscript))
    )
    return {
        node.targets[0].id: node.value
        for node in made
        if isinstance(node.targets[0], ast.Name) and LOADING.fullmatch(_source(node.value)[1])
    }


def _unfolded(items: ast.expr, kept: Mapping[str, ast.expr]) -> ast.expr:
    """What a loop runs over, with what was wrapped before it: `enumerate(bar)` as `enumerate(tqdm(loader))`."""
    match items:
        case ast.Name(id=name):
            return kept.get(name, items)
        case ast.Call(func=function, args=[ast.Name(id=name), *others], keywords=keywords):
            return ast.Call(function, [kept.get(name, items.args[0]), *others], keywords)
    return items


def _side_by_side(target: ast.expr, items: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is bound and what it runs over: each by each of `for i, (x, y) in zip(bar, loader)`, also where that is counted."""
    match items:
        case ast.Call(func=ast.Name(id="enumerate"), args=[ast.Call(func=ast.Name(id="zip")) as inner, *_]):
            if isinstance(target, ast.Tuple) and len(target.elts) == 2:
                yield from _side_by_side(target.elts[1], inner)
        case ast.Call(func=ast.Name(id="zip"), args=given):
            if isinstance(target, ast.Tuple) and len(target.elts) == len(given):
                yield from zip(target.elts, given, strict=True)
        case _:
            yield target, items


def _is_flagged(loop: ast.For, spots: Sequence[tuple[int, int]]) -> bool:
    return any(loop.lineno <= first and last <= (loop.end_lineno or loop.lineno) for first, last in spots)


def _source(items: ast.expr) -> tuple[bool, str]:
    """Whether the loop counts, and the last name of what it runs over, whatever shows the progress on the way."""
    counted, strange = False, False
    while isinstance(items, ast.Call) and items.args:
        name = items.func.id if isinstance(items.func, ast.Name) else getattr(items.func, "attr", "")
        if name in NO_WRAPPERS:
            break
        counted = counted or name == "enumerate"
        strange = strange or name not in WRAPPERS
        items = items.args[0]
    if isinstance(items, ast.Call):
        made = items.func.id if isinstance(items.func, ast.Name) else getattr(items.func, "attr", "")
        return counted, "loader" if made == "DataLoader" else ""
    if isinstance(items, ast.Subscript):
        items = items.value
    source = items.id if isinstance(items, ast.Name) else getattr(items, "attr", "")
    return counted, "" if strange and not ONLY_LOADERS.fullmatch(source) else source


def _trains(loop: ast.For) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("backward", "step") for node in ast.walk(loop)
    )


def _form(target: ast.expr, scope: ast.AST) -> Mapping[str, object] | None:
    if isinstance(target, (ast.Tuple, ast.List)):
        names = [
            element.id if isinstance(element, ast.Name) else f"part{i}"
            for i, element in enumerate(target.elts)
        ]
        inner = {name: keys for name in names for keys in [_keys(name, scope)] if keys}
        return {"form": "tuple", "names": names, **({"inner": inner} if inner else {})}
    if not isinstance(target, ast.Name):
        return None
    return _form_of_uses(target.id, scope)


def _keys(name: str, scope: ast.AST) -> list[str]:
    """The entries of a part that is a dictionary itself: `for key, value in inputs.items()`."""
    said = {
        node.slice.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }
    whole = bool(_parts(name, scope) & {"items", "keys"})
    return sorted(said) or (list(OF_TEXTS) if whole else [])


def _parts(name: str, scope: ast.AST) -> set[str]:
    """What is asked of a name."""
    return {
        node.attr
        for node in ast.walk(scope)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }


def _called_of(name: str, scope: ast.AST) -> set[str]:
    """The methods of a name that are called."""
    functions = [node.func for node in ast.walk(scope) if isinstance(node, ast.Call)]
    return {
        function.attr
        for function in functions
        if isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == name
    }


def _form_of_uses(name: str, scope: ast.AST) -> Mapping[str, object] | None:
    parts = _parts(name, scope)
    fields = parts - OF_CONTAINERS - OF_EACH_TENSOR - _called_of(name, scope)
    if fields and not parts & OF_TENSORS:
        return {"form": "object", "names": sorted(fields)}
    keys: list[str] = []
    places: set[int] = set()
    whole = bool(parts & OF_TENSORS)
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[(ast.Tuple() | ast.List()) as target], value=ast.Name(id=used)) if (
                used == name
            ):
                return _form(target, scope)
            case ast.Subscript(value=ast.Name(id=used), slice=ast.Constant(value=key)) if used == name:
                if isinstance(key, str) and key not in keys:
                    keys.append(key)
                elif isinstance(key, int):
                    places.add(key)
            case ast.Subscript(value=ast.Name(id=used), slice=ast.Tuple()) if used == name:
                whole = True
    if keys:
        return {"form": "dict", "names": sorted(keys)}
    if whole:
        return {"form": "single"}
    if places:
        return {
            "form": "tuple",
            "names": ["x", *(f"x{place}" for place in range(1, max(places))), "y"][: max(places) + 1],
        }
    called = [node for node in ast.walk(scope) if isinstance(node, ast.Call)]
    if any(
        isinstance(argument, ast.Name) and argument.id == name for call in called for argument in call.args
    ):
        return {"form": "single"}
    return None
