"""Which data a loader serves: the whole behind subsets and splits, and what says which of its samples."""

from __future__ import annotations

from collections.abc import Iterator

from trainlint.meaning.claims import says_training
from trainlint.meaning.dataflow import same
from trainlint.meaning.facts.transforms import TRANSFORMING
from trainlint.meaning.loaders import Loader
from trainlint.meaning.objects import lineage, own_attributes
from trainlint.meaning.place import qualified_name
from trainlint.meaning.sample_flags import by_parameter, decides_only_how
from trainlint.meaning.syntax import Assign, Attribute, Comprehension, Define, Node, Subscript
from trainlint.meaning.trace import Region
from trainlint.meaning.truth import is_none
from trainlint.meaning.values import (
    NONE,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Unpacked,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass

_SUBSETS = "torch.utils.data.Subset", "torch.utils.data.dataset.Subset"
_SPLIT = "torch.utils.data.random_split", "torch.utils.data.dataset.random_split"
_WHOLE = frozenset(
    "torch.utils.data.RandomSampler torch.utils.data.SequentialSampler torch.utils.data.DistributedSampler"
    " torch.utils.data.distributed.DistributedSampler torch.utils.data.sampler.RandomSampler"
    " torch.utils.data.sampler.SequentialSampler".split()
)
_PICKING = "torch.utils.data.SubsetRandomSampler", "torch.utils.data.sampler.SubsetRandomSampler"
_CONTENT = frozenset("data targets labels samples imgs indices dataset tensors".split())
_RANDOM = frozenset(
    "rand randn randint random shuffle sample permutation randperm choice normal uniform default_rng".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Samples of a data set: all of them, or those that the values in `taken` say, outermost choice last."""

    data: Value
    taken: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """The class of the data set, "" where it is not seen being made."""
        made = one(self.data)
        if not isinstance(made, Instance):
            return ""
        return made.cls.name if isinstance(made.cls, External) else made.cls.node.name


def part_of(loader: Loader, beside: Loader | None = None) -> Part | None:
    """What a loader serves; None where a sampler's choice is not known.

    Options that a loader shares with one that shuffles bring no sampler: torch takes only one of the two.
    """
    given = loader.dataset
    if given is None or (loader.open and not _has_no_sampler(loader, beside)):
        return None
    picked = _picked(loader)
    if picked is None:
        return None
    found = part(given)
    return Part(found.data, (*found.taken, *picked))


def _has_no_sampler(loader: Loader, beside: Loader | None) -> bool:
    shared, others = (
        made.value.keywords.get("**") if made is not None else None for made in (loader, beside)
    )
    if beside is None or not isinstance(shared, Unpacked) or not isinstance(others, Unpacked):
        return False
    is_one = shared.source is others.source or same(shared.source, others.source) is True
    return is_one and True in (loader.shuffles, beside.shuffles)


def part(dataset: Value) -> Part:
    """A data set as the part that it is of another one."""
    taken: list[Value] = []
    for _ in range(6):
        match one(dataset):
            case Instance(cls=External(name=name), arguments=[inner, indices, *_]) if name in _SUBSETS:
                taken.append(indices)
            case Instance(cls=External(name=name), arguments=[inner], keywords={"indices": indices}) if (
                name in _SUBSETS
            ):
                taken.append(indices)
            case Item(source=Result(callee=External(name=name), arguments=[inner, *_])) as share if (
                name in _SPLIT and share.key is not None
            ):
                taken.append(share)
            case Item(source=Result(callee=External(name=name), keywords={"dataset": inner})) as share if (
                name in _SPLIT and share.key is not None
            ):
                taken.append(share)
            case found:
                dataset = found
                break
        dataset = inner
    return Part(dataset, tuple(reversed(taken)))


def _picked(loader: Loader) -> tuple[Value, ...] | None:
    """What the samplers choose: nothing where they only order."""
    found: list[Value] = []
    for name in ("sampler", "batch_sampler"):
        given = loader.argument(name)
        if given is None or all(is_none(option) for option in options(given)):
            continue
        match one(given):
            case Instance(cls=External(name=kind), arguments=[indices, *_]) if kind in _PICKING:
                found.append(indices)
            case _ if all(is_none(option) or _is_whole(option) for option in options(given)):
                continue
            case _:
                return None
    return tuple(found)


def _is_whole(sampler: Value) -> bool:
    return isinstance(sampler, Instance) and isinstance(sampler.cls, External) and sampler.cls.name in _WHOLE


def covers(trained: Part, judged: Part) -> bool:
    """Whether all that is trained on is among what is judged, by what the code says for sure."""
    if not is_same_data(trained.data, judged.data):
        return False
    if len(judged.taken) > len(trained.taken):
        return False
    return all(_is_alike(t, j) for t, j in zip(trained.taken, judged.taken, strict=False))


def is_same_data(first: Value, second: Value) -> bool:
    """Whether two data sets hold the same samples, apart from what is done to each of them when it is asked for."""
    a, b = one(first), one(second)
    if isinstance(a, (Constant, Unknown)) or isinstance(b, (Constant, Unknown)):
        return False  # `self.data = None` until something that is not seen sets it
    if a is b:
        return not _is_one_of_each(a) and (not isinstance(a, Instance) or not _is_switched(a))
    if isinstance(a, Instance) and isinstance(b, Instance):
        return _is_made_alike(a, b)
    if isinstance(a, Result) and isinstance(b, Result) and _is_asked_alike(a, b):
        return True
    if isinstance(a, Choice) and isinstance(b, Choice):
        return _is_same_choice(a, b)
    return not isinstance(a, Choice) and not isinstance(b, Choice) and _is_alike(a, b)


def _is_same_choice(first: Choice, second: Choice) -> bool:
    """Whether two data sets are one of several that one setting decides on, and alike whichever it is."""
    if first.loop or second.loop or first.test is not second.test:
        return False
    pairs = list(zip(options(first), options(second), strict=False))
    made = all(isinstance(a, Instance) and isinstance(b, Instance) and a is not b for a, b in pairs)
    whole = len(first.options) == len(second.options) == len(pairs)
    return made and whole and all(is_same_data(a, b) for a, b in pairs)


def _is_one_of_each(made: Value) -> bool:
    """Whether a comprehension makes it, one for each of its turns: `{part: load(part) for part in parts}`."""
    home = made.loop if isinstance(made, Instance) else made.region if isinstance(made, Result) else None
    loop = home.loop if isinstance(home, Region) and home.kind != "loop" else home
    return isinstance(loop, Region) and isinstance(loop.node, Comprehension)


def _is_made_alike(first: Instance, second: Instance) -> bool:
    """Whether two objects were made in the same way, from data that both find where they are told."""
    if not _is_one_class(first, second) or not _is_steady(first) or not _is_steady(second):
        return False
    if not (first.arguments or first.keywords):
        return False
    given, other = by_parameter(first), by_parameter(second)
    if given is not None and other is not None and isinstance(first.cls, Class):
        return all(_is_given_alike(first.cls, name, given, other) for name in {*given, *other})
    if len(first.arguments) != len(second.arguments):
        return False
    pairs = list(zip(first.arguments, second.arguments, strict=True))
    for name in {*first.keywords, *second.keywords}:
        if name in TRANSFORMING or name in _HOW_READ:
            continue
        if name not in first.keywords or name not in second.keywords:
            return False
        pairs.append((first.keywords[name], second.keywords[name]))
    return all((_is_transform(a) and _is_transform(b)) or _is_alike(a, b) for a, b in pairs)


def _is_asked_alike(first: Result, second: Result) -> bool:
    """`make(train=True)` twice, where `make` is not seen: both are told in so many words to be the training part."""
    if same(first.callee, second.callee) is not True or len(first.arguments) != len(second.arguments):
        return False
    pairs = list(zip(first.arguments, second.arguments, strict=True))
    for name in {*first.keywords, *second.keywords} - {*TRANSFORMING, *_HOW_READ}:
        if name not in first.keywords or name not in second.keywords:
            return False
        pairs.append((first.keywords[name], second.keywords[name]))
    told = [constant(v) for v in first.arguments] + [constant(v) for v in first.keywords.values()]
    is_named = constant(first.keywords.get("train", NONE)) is True
    if not is_named and not any(isinstance(word, str) and says_training(word) for word in told):
        return False
    return all((_is_transform(a) and _is_transform(b)) or _is_alike(a, b) for a, b in pairs)


def _is_given_alike(cls: Class, name: str, given: dict[str, Value], other: dict[str, Value]) -> bool:
    """Whether a parameter of the constructor says the same of both, or does not say which samples they hold."""
    if name in TRANSFORMING or name in _HOW_READ:
        return True
    if name in given and name in other:
        a, b = given[name], other[name]
        if (_is_transform(a) and _is_transform(b)) or _is_alike(a, b):
            return True
    return decides_only_how(cls, name)


_HOW_READ = frozenset("download loader verbose progress".split())  # not which samples


def _is_one_class(first: Instance, second: Instance) -> bool:
    a, b = first.cls, second.cls
    if isinstance(a, External) and isinstance(b, External):
        return a.name == b.name
    return isinstance(a, Class) and isinstance(b, Class) and a.node is b.node


def _is_alike(first: Value, second: Value) -> bool:
    """Whether two expressions give equal values: the same path, the same settings, the same array."""
    a, b = one(first), one(second)
    if a is b:
        return True
    if _is_to_be_filled(a) or _is_to_be_filled(b):
        return False  # each with its own
    match a, b:
        case Constant(value=x), Constant(value=y):
            return bool(type(x) is type(y) and x == y)
        case External(name=x), External(name=y):
            return bool(x == y)
        case Sequence(items=x, open=False, element=None), Sequence(items=y, open=False, element=None):
            return len(x) == len(y) and all(map(_is_alike, x, y))
        case Mapping(items=x, open=False), Mapping(items=y, open=False):
            return x.keys() == y.keys() and all(_is_alike(v, y[k]) for k, v in x.items())
        case Result(callee=External(name=x)), Result(callee=External(name=y)) if x == y and _is_pure(x):
            return len(a.arguments) == len(b.arguments) and all(map(_is_alike, a.arguments, b.arguments))
        case Result(callee=Member(receiver=p, name=x)), Result(callee=Member(receiver=q, name=y)) if (
            x == y and x in _COPYING
        ):
            if a.keywords.keys() != b.keywords.keys() or len(a.arguments) != len(b.arguments):
                return False
            told = all(_is_alike(v, b.keywords[key]) for key, v in a.keywords.items())
            return told and _is_alike(p, q) and all(map(_is_alike, a.arguments, b.arguments))
        case Item(source=p, key=x), Item(source=q, key=y) if x is not None and y is not None:
            return _is_alike(p, q) and _is_alike(x, y)
    return same(a, b) is True


def _is_to_be_filled(value: Value) -> bool:
    """Whether it begins empty: `files = {"train": [], "test": []}`, before names of files decide what goes where."""
    if isinstance(value, Sequence):
        return value.kind == "list" and not value.items and value.element is None
    return isinstance(value, Mapping) and not value.items and value.element is None


_COPYING = frozenset(  # and casts to another type or shape: of the same they make the same
    "tolist copy numpy long clone to_list to_numpy astype float double int to type view reshape flatten unsqueeze"
    " squeeze".split()
)


def _is_pure(function: str) -> bool:
    return function.startswith(("os.path.", "operator.", "pathlib.", "torch.from_numpy", "builtins.slice"))


def _is_transform(value: Value) -> bool:
    found = one(value)
    if isinstance(found, Instance) and isinstance(found.cls, External):
        return "transform" in found.cls.name.lower() or found.cls.name.startswith("albumentations")
    return isinstance(found, Function) or is_none(found) is True


def _is_steady(made: Instance) -> bool:
    """Whether what an object holds is decided by what its constructor is given."""
    if isinstance(made.cls, External):
        return _CONTENT.isdisjoint(made.attributes) or made.cls.name.startswith("torch.utils.data.")
    bodies = [
        method.body
        for base in lineage(made.cls)
        if isinstance(base, Class)
        for name, method in _methods(base)
        if name not in ("__getitem__", "__iter__")
    ]
    return all(body.words.isdisjoint(_RANDOM) for body in bodies) and not _is_switched(made)


def _is_switched(made: Instance) -> bool:
    """Whether code outside of its class can say which samples a data set gives from now on: `data.set_split("val")`."""
    if not isinstance(made.cls, Class):
        return not _CONTENT.isdisjoint(made.attributes)
    classes = [base for base in lineage(made.cls) if isinstance(base, Class)]
    homes = {base.node.name for base in classes}
    for name, place in made.places.items():
        if name in TRANSFORMING:
            continue
        if homes.isdisjoint(qualified_name(place).split(".")) or _is_one_of_several(place, name):
            return True
    methods = {name: method for cls in reversed(classes) for name, method in _methods(cls)}
    read = {word for name in _READING if name in methods for word in methods[name].body.words}
    begun = methods["__init__"].body.words if "__init__" in methods else frozenset[str]()
    return any(
        not name.startswith("__")
        and (name not in begun or len(method.parameters) > 1)
        and not own_attributes(method.body).isdisjoint(read)
        for name, method in methods.items()
    )


def _is_one_of_several(place: Node, name: str) -> bool:
    """Whether a statement writes an attribute of an element: `parts[i].files = files[i]` gives each copy its own."""
    return isinstance(place, Assign) and any(
        isinstance(target, Attribute) and target.name == name and isinstance(target.value, Subscript)
        for target in place.targets
    )


_READING = ("__getitem__", "__len__", "__iter__")


def _methods(cls: Class) -> Iterator[tuple[str, Define]]:
    for name, method in cls.names.items():
        if isinstance(method, Function) and isinstance(method.node, Define):
            yield name, method.node
