"""Roles of free names: from what the program does with a name, else from what it is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from trainlint.verify.handed_on import handed_on
from trainlint.verify.uses import (
    BAGS,
    STRONG,
    cut_into_batches,
    fed,
    looked_up,
    name_of,
    roles_by_use,
    sections,
    texts_of,
)

MEMBERS = {
    "torch.utils.data": "DataLoader Dataset IterableDataset TensorDataset Subset ConcatDataset random_split RandomSampler "
    "SequentialSampler WeightedRandomSampler SubsetRandomSampler BatchSampler",
    "torch.utils.data.distributed": "DistributedSampler",
    "torch.nn.parallel": "DistributedDataParallel",
    "torch.autograd": "Variable",
    "torch.optim": "Adam AdamW SGD RMSprop Adagrad",
    "torch.optim.lr_scheduler": "StepLR MultiStepLR ExponentialLR CosineAnnealingLR ReduceLROnPlateau OneCycleLR LambdaLR "
    "CosineAnnealingWarmRestarts LinearLR",
    "torch.amp": "GradScaler autocast",
    "collections": "deque defaultdict OrderedDict Counter",
    "functools": "partial",
    "pathlib": "Path",
    "tqdm": "tqdm trange",
}
MODULES = {
    "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "optim": "torch.optim", "np": "numpy", "numpy": "numpy",
    "math": "math", "os": "os", "sys": "sys", "time": "time", "random": "random", "copy": "copy", "json": "json",
    "dist": "torch.distributed", "lr_scheduler": "torch.optim.lr_scheduler", "plt": "matplotlib.pyplot",
    "torchvision": "torchvision", "transforms": "torchvision.transforms", "datasets": "torchvision.datasets",
    "models": "torchvision.models", "wandb": "wandb", "logging": "logging", "argparse": "argparse", "itertools": "itertools",
}  # fmt: skip
WORDS: Mapping[str, str] = {
    "inert": r"(\w*_)?(logger|writer|pbar|bar|progress_?bar|tb|board|log)",
    "false": r"(?i)(use|is|with|no|do|has|enable)_\w+|verbose|debug|distributed|parallel|resume|ddp|fp16|amp|cuda|(local_)?rank",
    "device": r"dev(ice)?|DEVICE",
    "dtype": r"(\w*_)?dtype",
    "share": r"(?i)(\w*_)?(proportion|ratio|fraction|frac|split|percent(age)?|portion)(_\w+)?"
    r"|(missing|mask(ing)?|noise|keep|train|val|test)_(rate|prob\w*|p)",
    "classes": r"(?i)(num|n)_?(class(es)?|labels|outputs)|nb_classes|output_(dim|size)|out_(dim|features)",
    "features": r"(?i)in_?(features|dim|size|channels)|input_(dim|size)|(num|n)_features",
    "rate": r"(?i)(\w*_)?(lr|learning_rate|momentum|weight_decay|wd|alpha|gamma|lambda_?\w*|beta|eps|dropout|decay)|drop(out)?_(rate|prob\w*|p)",
    "count": r"(?i)(?!(\w+_|data)?(train|val|valid|test|dev|eval|data)_?iter)((\w*_)?(epoch(e?s)?|steps|iters?|iterations|batch_?size|bs|workers?|size|dim|hidden|layers|seed|interval|freq"
    r"|every|patience|rank|world_size|accum\w*|n|k)|(num|n|max|nb|start|total)_\w+)",
    "vocabulary": r"(?i)(\w+_)?(vocab(ulary)?|[a-z]+(2|_to_|to)(ix|idx|ids?|index|int|i)|stoi)(_(?!size|len|num|dim|file|path|dir)\w+)?",
    "path": r"(?i)(\w*_)?(path|dir|directory|file|filename|root|folder|ckpt|checkpoint)",
    "criterion": r"(?i)(\w*_)?(criterion|criteria|loss_?fn|loss_?func(tion)?|lossfn|crit|objective|loss_?f)\w*",
    "optimizer": r"(?i)(\w*_)?(optimi[sz]er|optim|opt)(_?\w{1,2})?",
    "tokenizer": r"(?i)(\w*_)?tokenizer",
    "scheduler": r"(?i)(\w*_)?(lr_)?(scheduler|sched)",
    "loader": r"(?i)\w*(loader|dataloader|iterator|batches|_dl|_iter|data_?iter|prefetcher)\d?"
    r"(_(tr|train|trn|val|valid|validation|te|test|tst|dev|eval)(ing)?)?|dl",
    "loaders": r"(?i)\w*(loader|data_?iter|iterator)s(_dict)?",
    "sizes": r"(?i)(data_?set|data)_?(sizes|lengths?)",
    "dataset": r"(?i)\w*(dataset|data_?set|_ds|trainset|testset|valset|_set)|ds|(train|test|val|valid)(ing)?_data",
    "targets": r"(y|labels?|targets?|tgt|gt|truth|y_(train|true|batch|test|val)|Y(_\w+)?|yb|train_labels|(\w+_)?(label|target)s?)",
    "batch": r"(data_|mini_?)?batch(_data)?|samples?",
    "inputs": r"(x|X|inputs?|images?|imgs?|data|features|feats|src|tokens|input_ids|xb|[xX]_\w+|\w*_?(input|image|feature)s?)",
    "model": r"(?i)(\w*_)?(model|net|network|classifier|encoder|decoder|generator|discriminator|policy|backbone|net_?[gdg])\w?",
    "zero": r"(?i)(running|total|epoch|sum|best|avg|global|correct)(_\w+)?|(train|val|valid|test|eval)_(loss|acc\w*|correct|total|"
    r"steps?|iters?|epochs?|num)|i|step|it",
    "list": r"(?i)\w*(losses|history|outputs|preds|predictions|accs|scores|metrics|results)",
    "dict": r"(?i)\w*(stats|meters|logs|metrics_dict|state)",
}  # fmt: skip


CLASS = re.compile(r"[A-Z]\w*[a-z]\w*")  # what a class is called, and no constant
THINGS = {
    "model",
    "optimizer",
    "scheduler",
    "loader",
    "dataset",
    "batch",
    "inputs",
}  # made of a class, and none


NAMED = {
    "optimizer",
    "criterion",
    "scheduler",
    "model",
    "dataset",
    "false",
    "zero",
}  # what a text may say the kind of


SEVERAL = {
    "loader": "loaders",
    "model": "models",
    "optimizer": "optimizers",
    "criterion": "criteria",
}  # by their names


def find_roles(tree: ast.Module, free: frozenset[str]) -> dict[str, str]:
    """A role for each free name that has one; `args.lr` for attributes of settings."""
    uses = dict(_uses(tree, free))
    wider = roles_by_use(tree)
    stepped, built = _stepped(tree), _built(tree)
    given, kept, said = fed(tree), sections(tree), texts_of(tree)
    passed, several, cut_up = handed_on(tree), looked_up(tree), cut_into_batches(tree)
    taken = dict(_uses(tree, frozenset(name for names in passed.values() for name in names)))
    found: dict[str, str] = {}
    for name in sorted(free):
        if BAGS.fullmatch(name) and uses.get(name, "attribute") in ("attribute", "dict"):
            found[name] = "settings"
            found.update(_setting_roles(tree, name))
            continue
        imported = conventional_import(name) if name not in stepped else ""
        role = imported or uses.get(name, "")
        names = (name, *passed.get(name, ()))
        use = next((wider[one] for one in names if wider.get(one, "") in STRONG), wider.get(name, ""))
        role = role if role not in ("", "attribute") else _role_of(name, use)
        if not role and name not in said and name not in kept:
            role = next((r for other in passed.get(name, ()) if (r := _taken_as(other, taken, wider))), "")
        if role in ("dataset", "loader") and name in given:
            role = "inputs"  # `train_data`, all of which a network takes at once
        elif name in said and (role in NAMED or not role) and wider.get(name, "") not in STRONG:
            role = f"value:{said[name]!r}"
        elif not role and name in kept:
            role = "settings"
        role = SEVERAL.get(role, role) if name in several else role
        role = "array" if role in ("inputs", "targets") and name in cut_up else role  # all of the data
        if role and not (role in THINGS and name in built):
            found[name] = role
    return found


def _taken_as(name: str, uses: Mapping[str, str], wider: Mapping[str, str]) -> str:
    """The role of a parameter that something is handed over as."""
    use = uses.get(name, "")
    return use if use not in ("", "attribute") else _role_of(name, wider.get(name, ""))


def _stepped(tree: ast.Module) -> set[str]:
    """Names of what makes a step, as no module does, `optim` of `self.optim.step()` as well."""
    return {
        name_of(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "step"
    }


def _built(tree: ast.Module) -> set[str]:
    """Names of classes that the program makes something of or builds on."""
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    bases = {
        base.id
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name)
    }
    return {name for name in called | bases if CLASS.fullmatch(name)}


def conventional_import(name: str) -> str:
    """What a name is imported from by convention, as the sandbox reads it."""
    if name in MODULES:
        return f"import:{MODULES[name]}"
    if name == "DDP":
        return "import:torch.nn.parallel:DistributedDataParallel"
    return next(
        (f"import:{module}:{name}" for module, members in MEMBERS.items() if name in members.split()), ""
    )


def words_of(tree: ast.Module) -> dict[str, str]:
    """A role for each name that a program binds or asks settings for: by its uses, else by what it is called."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    uses = roles_by_use(tree)
    several = looked_up(tree)
    roles = {name: _role_of(name, uses.get(name, "")) for name in names if re.fullmatch(r"\w+", name)}
    roles = {name: SEVERAL.get(role, role) if name in several else role for name, role in roles.items()}
    return {name: role for name, role in roles.items() if role}


def patterns() -> dict[str, str]:
    """What names are called by their roles, for names that only other files use."""
    return {"settings": BAGS.pattern, **WORDS}


def _role_of(name: str, use: str) -> str:
    called = "settings" if BAGS.fullmatch(name) else role_of_word(name)
    if use == "section":
        return "settings"
    if use in ("text", "array") or (use == "counts" and called in ("", "count", "features", "classes")):
        return use
    if use == "every" and called in ("", "count", "zero"):
        return use
    return (
        use
        if use in STRONG and called not in ("path", "criterion", "optimizer", "scheduler", "settings")
        else called or use
    )


def unpacked(tree: ast.Module) -> dict[str, int]:
    """Names of what is called, with how many values the program takes the result apart into."""
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Call(func=ast.Name(id=name))):
                found[name] = len(parts)
            case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Call(func=ast.Attribute(attr=name))):
                found[name] = len(parts)
    return found


def role_of_word(name: str) -> str:
    return next((role for role, pattern in WORDS.items() if re.fullmatch(pattern, name)), "")


def _uses(tree: ast.Module, free: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Roles that follow from use alone, weakest first: a later one replaces an earlier one."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in free:
                yield name, "attribute"
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in free and not role_of_word(name):
                yield name, "inert"
            case ast.AugAssign(target=ast.Name(id=name)) if name in free:
                yield name, "zero"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend")) if (
                name in free
            ):
                yield name, "list"
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str()), ctx=ast.Store()) if (
                name in free
            ):
                yield name, "dict"
            case ast.For(iter=items):
                yield from ((name, "loader") for name in _iterated(items) if name in free)


def _iterated(items: ast.expr) -> Iterator[str]:
    match items:
        case ast.Name(id=name):
            yield name
        case ast.Call(func=ast.Name(id="enumerate" | "tqdm" | "zip" | "islice"), args=arguments):
            for argument in arguments:
                yield from _iterated(argument)


def _setting_roles(tree: ast.Module, bag: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == bag:
            role = role_of_word(node.attr)
            if role:
                yield f"{bag}.{node.attr}", role
