"""What the targets of a criterion are: where they come from, their range, whether they are classes."""

from __future__ import annotations

from trainlint.meaning.dataflow import operands, operation, peel, walk
from trainlint.meaning.facts.datasets import CLASSES, LOADERS, RANGES, SINGLE_LABEL
from trainlint.meaning.hot import HOT, HOT_AT
from trainlint.meaning.iteration import underlying
from trainlint.meaning.roles import is_nothing
from trainlint.meaning.samples import SAMPLE
from trainlint.meaning.syntax import Node
from trainlint.meaning.transformers import fitted_object
from trainlint.meaning.values import (
    NONE,
    Choice,
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    options,
    passed,
)
from trainlint.records import dataclass

_SAME_VALUES = frozenset(
    "astype values to_numpy copy reshape_ tensor from_numpy as_tensor FloatTensor Tensor asarray array float32 to_tensor"
    " unsqueeze_ flatten ravel ascontiguousarray detach cpu dropna fillna ffill bfill squeeze toarray todense tolist to_list".split()
)
_NORMAL = frozenset(
    "torch.randn torch.randn_like torch.normal numpy.random.randn numpy.random.normal numpy.random.standard_normal"
    " sklearn.datasets.make_regression sklearn.preprocessing.scale scipy.stats.zscore".split()
)
_UNIT = frozenset(
    "torch.rand torch.rand_like numpy.random.rand numpy.random.random numpy.random.random_sample".split()
)
_WAVES = frozenset("sin cos".split())
_NON_NEGATIVE = frozenset("log1p exp abs sqrt square relu softplus".split())


@dataclass(frozen=True, slots=True)
class Range:
    """What is evident about a value's range; `why` says it in words."""

    low: float
    high: float
    why: str
    node: Node | None = None


def origins(value: Value, depth: int = 0) -> list[Value]:
    """Where a batch's part comes from: through loaders, tensor data sets, splits, slices and conversions."""
    found: list[Value] = []
    for part in peel(value):
        inner = _source(part)
        if inner is None or depth > 12:
            found.append(part)
        else:
            found += origins(inner, depth + 1)
    return found[:8]


def _source(value: Value) -> Value | None:
    match value:
        case Item(source=source, key=key):
            return _part(source, key)
        case Member(receiver=receiver, name=name) if name in _SAME_VALUES:
            return receiver
        case Result(callee=Member(name=name, receiver=receiver)) if name in _SAME_VALUES:
            return receiver
        case Result(callee=External(name=name), arguments=[first, *_]) if (
            name.rpartition(".")[2] in _SAME_VALUES
        ):
            return first
    return None


def _part(source: Value, key: Value | None) -> Value | None:
    index = constant(key) if key is not None else None
    source = one(source)
    match source:
        case Item(source=inner, key=None) if isinstance(index, int):
            columns = _columns(underlying(inner))
            return columns[index] if columns is not None and -len(columns) <= index < len(columns) else None
        case Result(callee=External(name="sklearn.model_selection.train_test_split"), arguments=arguments):
            if isinstance(index, int) and 0 <= index < 2 * len(arguments):
                return arguments[index // 2]
        case Instance(cls=External(name=name)) if name in LOADERS:
            return _rows(source) if key is None else None
        case Result(callee=External(name=name)) if name in RANGES or name in CLASSES:
            return None
        case Result() | Member():
            return source if not isinstance(index, str) else None
    return None


def _rows(loader: Instance) -> Value | None:
    """The tensor whose rows a loader gives as they are: `DataLoader(x)`, also of a part of it."""
    source: Value = loader
    for _ in range(6):
        match one(source):
            case Instance(cls=External(name=name)) as outer if (
                name in LOADERS and SAMPLE not in outer.attributes
            ):
                source = passed(outer, 0, "dataset") or NONE
            case Instance(cls=External(name="torch.utils.data.Subset"), arguments=[inner, *_]):
                source = inner
            case Item(
                source=Result(callee=External(name="torch.utils.data.random_split"), arguments=[inner, *_])
            ):
                source = inner
            case Result(callee=Member() | External()) | Member() | Item() as rows:
                return rows
            case _:
                return None
    return None


def _columns(source: Value) -> tuple[Value, ...] | None:
    """The tensors of a TensorDataset behind a loader, a subset or a split."""
    source = one(source)
    for _ in range(6):
        match source:
            case Instance(cls=External(name=name), attributes={"*batch": batch}) if name in LOADERS:
                given = one(batch)
                return given.items if isinstance(given, Sequence) and not given.open else None
            case Instance(cls=External(name=name), attributes=attributes) if (
                name in LOADERS and SAMPLE in attributes
            ):
                sample = one(attributes[SAMPLE])
                return sample.items if isinstance(sample, Sequence) else None
            case Instance(cls=External(name=name)) if name in LOADERS:
                source = one(
                    source.arguments[0]
                    if source.arguments
                    else source.keywords.get("dataset", Constant(None))
                )
            case Instance(cls=External(name="torch.utils.data.TensorDataset"), arguments=tensors):
                return tensors
            case Instance(cls=External(name="torch.utils.data.Subset"), arguments=[inner, *_]):
                source = one(inner)
            case Item(
                source=Result(callee=External(name="torch.utils.data.random_split"), arguments=[inner, *_])
            ):
                source = one(inner)
            case Result(callee=External(name="builtins.zip"), arguments=parts):
                return parts
            case Instance(cls=External(name=name), arguments=[inner, *_]) if name.startswith("tqdm"):
                source = one(inner)
            case _:
                return None
    return None


def evident_range(value: Value) -> Range | None:
    """The range that a target evidently covers whichever of its origins it has; None where one is not known."""
    found = [_range(origin, 0) for origin in origins(value)]
    if not found or any(r is None for r in found):
        return None
    known = [r for r in found if r is not None]
    return Range(max(r.low for r in known), min(r.high for r in known), known[0].why, known[0].node)


def _range(value: Value, depth: int) -> Range | None:
    if depth > 8:
        return None
    match value:
        case Constant(value=number, node=node) if isinstance(number, (int, float)):
            return Range(float(number), float(number), f"the value {number}", node)
        case Sequence():
            return _literal_range(value)
        case Choice():
            return None
        case Item(source=Item(source=loader, key=None), key=Constant(value=0)):
            return _image_range([underlying(option) for option in options(loader)])
        case (
            Item(source=Result(callee=External(name=name), node=node))
            | Member(receiver=Result(callee=External(name=name), node=node), name="target")
        ) if name in RANGES:
            low, high = RANGES[name]
            return Range(
                low, high, f"the targets run from {low:g} to {high:g} (`{name.rpartition('.')[2]}`)", node
            )
        case Result(callee=Member(name="pct_change" | "diff"), node=node):
            return Range(-3.0, 3.0, "the targets are changes, of both signs", node)
        case Result(
            callee=External(name="torch.linspace" | "torch.arange" | "numpy.linspace" | "numpy.arange")
        ):
            return _steps_range(value)
        case Result(
            callee=External(name="torch.randint" | "numpy.random.randint"), arguments=[low, high, *_]
        ):
            return _drawn_range(constant(low), constant(high), value.node)
        case Result() if depth == 0 and operation(value) in _NON_NEGATIVE:
            return Range(0.0, 0.0, "the targets are not negative", value.node)
        case Result(callee=External(name=name), node=node) if (
            depth == 0 and name.rpartition(".")[2] in _NON_NEGATIVE
        ):
            return Range(0.0, 0.0, "the targets are not negative", node)
        case Result(callee=External(name=name), node=node) if name in _NORMAL:
            return Range(-3.0, 3.0, f"the targets are normal draws of both signs (`{name}`)", node)
        case Result(callee=External(name=name), node=node) if name in _UNIT:
            return Range(0.0, 1.0, "the targets lie in [0, 1]", node)
        case Item(source=Result(callee=External(name=name), node=node)) if name in _NORMAL:
            return Range(-3.0, 3.0, f"the targets have both signs (`{name}`)", node)
        case Result(callee=Member(receiver=receiver, name="fit_transform" | "transform"), node=node):
            return _scaled(fitted_object(receiver), node)
        case Result(callee=External(name=name), arguments=[first, *_]) if _wraps(name):
            inner = [_range(o, depth + 1) for o in origins(first)]
            return inner[0] if len(inner) == 1 else None
        case Result() if operation(value) in _WAVES:
            return Range(-1.0, 1.0, "the targets are a sine of both signs", value.node)
        case Result() if operation(value) in _SUMMING and operands(value):
            return _summed_range(operands(value)[0], value.node, depth)
        case Result():
            return _arithmetic(value, depth)
    return None


_SUMMING = frozenset("sum operator.@ matmul mm mv".split())


def _summed_range(parts: Value, node: Node | None, depth: int) -> Range | None:
    """`x.sum(1)` and `x @ w` of normal draws have both signs as the draws have."""
    inner = [_range(origin, depth + 1) for origin in origins(parts)]
    if len(inner) != 1 or inner[0] is None or not inner[0].low < 0 < inner[0].high:
        return None
    return Range(inner[0].low, inner[0].high, "the targets are sums of both signs", node)


def _steps_range(value: Result) -> Range | None:
    """`linspace(a, b)` and `arange(n)`."""
    bounds = [constant(a) for a in value.arguments[:2]]
    if not bounds or not all(isinstance(b, (int, float)) for b in bounds):
        return None
    low, high = (0.0, float(bounds[0])) if len(bounds) == 1 else (float(bounds[0]), float(bounds[1]))
    return Range(low, high, f"the targets run from {low:g} to {high:g}", value.node)


def _drawn_range(low: object, high: object, node: Node | None) -> Range | None:
    """Whole numbers from `low` to just below `high`."""
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    return Range(low, high - 1, f"the targets run from {low} to {high - 1}", node)


def _image_range(loaders: list[Value]) -> Range | None:
    """The range of normalised images, what `Normalize` makes of [0, 1]; of several loaders that may serve them, what all have."""
    found = [_served_range(loader) for loader in loaders]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    low, high = max(each.low for each in known), min(each.high for each in known)
    return Range(low, high, f"the targets are images normalised to {low:.2g} .. {high:.2g}", known[0].node)


def _served_range(loader: Value) -> Range | None:
    for inner in walk(loader):
        if not isinstance(inner, Instance) or not isinstance(inner.cls, External):
            continue
        if inner.cls.name.startswith("torchvision.transforms") and inner.cls.name.endswith(".Normalize"):
            return _normalised_range(inner)
    return None


def _normalised_range(made: Instance) -> Range | None:
    given = [*made.arguments[:2], *(made.keywords[k] for k in ("mean", "std") if k in made.keywords)]
    numbers = [_numbers(g) for g in given]
    if len(numbers) != 2 or not numbers[0] or len(numbers[0]) != len(numbers[1]) or 0 in numbers[1]:
        return None
    low = min((0 - m) / d for m, d in zip(*numbers, strict=True))
    high = max((1 - m) / d for m, d in zip(*numbers, strict=True))
    return Range(low, high, "", made.node)


def _numbers(value: Value) -> list[float]:
    found = one(value)
    items = found.items if isinstance(found, Sequence) else (found,)
    numbers = [constant(i) for i in items]
    return [float(n) for n in numbers] if all(isinstance(n, (int, float)) for n in numbers) else []


def _wraps(name: str) -> bool:
    return name.rpartition(".")[2] in (
        "tensor",
        "Tensor",
        "FloatTensor",
        "as_tensor",
        "from_numpy",
        "array",
        "asarray",
    )


def _literal_range(value: Sequence) -> Range | None:
    numbers: list[float] = []
    pending: list[Value] = [value]
    while pending and len(numbers) < 400:
        current = pending.pop()
        match current:
            case Sequence(items=items, open=False, element=None):
                pending += items
            case Constant(value=number) if isinstance(number, (int, float)) and not isinstance(number, bool):
                numbers.append(float(number))
            case _:
                return None
    if not numbers:
        return None
    low, high = min(numbers), max(numbers)
    return Range(low, high, f"the targets run from {low:g} to {high:g}", value.node)


def _scaled(scaler: Value, node: Node | None) -> Range | None:
    if not isinstance(scaler, Instance) or not isinstance(scaler.cls, External):
        return None
    if any(constant(scaler.keywords.get(k, NONE)) is False for k in ("with_mean", "with_centering")):
        return None  # divided by a spread: as many signs as they had
    match scaler.cls.name.rpartition(".")[2]:
        case "StandardScaler" | "RobustScaler" | "PowerTransformer":
            return Range(-3.0, 3.0, "the targets are standardised, so half of them are negative", node)
        case "MinMaxScaler":
            given = scaler.keywords.get("feature_range")
            bounds = [constant(i) for i in given.items] if isinstance(given, Sequence) else [0, 1]
            if len(bounds) == 2 and all(isinstance(b, (int, float)) for b in bounds):
                return Range(float(bounds[0]), float(bounds[1]), f"the targets are scaled to {bounds}", node)
    return None


def _arithmetic(value: Result, depth: int) -> Range | None:
    """Sums and products of what is known; `(y - mean) / std` is standardised whatever `y` is."""
    name, parts = operation(value), [one(v) for v in value.arguments]
    if name == "pow" and isinstance(value.callee, Member):
        name, parts = "operator.**", [one(value.callee.receiver), *parts]
    if (
        name == "operator.**"
        and len(parts) == 2
        and isinstance(parts[1], Constant)
        and parts[1].value in (2, 3)
    ):
        inner = _single_origin(parts[0], depth)
        if inner is None:
            return None
        ends = [inner.low ** parts[1].value, inner.high ** parts[1].value]
        low = 0.0 if parts[1].value == 2 and inner.low < 0 < inner.high else min(ends)
        return Range(low, max(ends), f"the targets run to about {low:g} .. {max(ends):g}", value.node)
    if (
        name == "operator./"
        and len(parts) == 2
        and _is_centred(parts[0])
        and _is_statistic(parts[1], ("std", "var", "sqrt"))
    ):
        return Range(-3.0, 3.0, "the targets are standardised, so half of them are negative", value.node)
    if (
        name not in ("operator.+", "operator.-", "operator.*", "operator./", "operator.unary-")
        or len(parts) > 2
    ):
        return None
    ranges = [_single_origin(part, depth) for part in parts]
    if any(r is None for r in ranges):
        return None
    a, b = ranges[0], ranges[-1]
    assert a is not None
    assert b is not None
    if name == "operator./" and (b.low <= 0 <= b.high):
        return None
    corners = [_apply(name, x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Range(
        min(corners),
        max(corners),
        f"the targets run to about {min(corners):g} .. {max(corners):g}",
        value.node,
    )


def _single_origin(value: Value, depth: int) -> Range | None:
    found = [_range(o, depth + 1) for o in origins(value)]
    return found[0] if len(found) == 1 else None


def _apply(name: str, x: float, y: float) -> float:
    match name:
        case "operator.+":
            return x + y
        case "operator.-":
            return x - y
        case "operator.*":
            return x * y
        case "operator./":
            return x / y
    return -x


def _is_centred(value: Value) -> bool:
    match value:
        case Result(callee=External(name="operator.-"), arguments=[_, second]):
            return _is_statistic(one(second), ("mean", "median"))
    return False


def _is_statistic(value: Value, names: tuple[str, ...]) -> bool:
    if operation(value) in names:
        return True
    if isinstance(value, Result) and operation(value) in ("operator.+", "clamp") and value.arguments:
        return any(_is_statistic(one(v), names) for v in operands(value))
    match value:
        case Result(callee=External(name=name)):
            return name.rpartition(".")[2] in names
        case Item(source=source):
            return _is_statistic(one(source), names)
    return False


# Classes


def class_count(value: Value) -> int | None:
    """How many classes a target of class indices has; None where it is not evidently one."""
    found = {_classes(origin) for origin in origins(value)}
    return found.pop() if len(found) == 1 else None


def _classes(value: Value) -> int | None:
    match value:
        case Result(callee=External(name="torch.randint" | "numpy.random.randint"), arguments=arguments):
            bounds = [constant(a) for a in arguments[:2]]
            if len(bounds) > 1 and isinstance(bounds[1], int) and isinstance(bounds[0], int):
                return bounds[1] - bounds[0]
            return bounds[0] if bounds and isinstance(bounds[0], int) else None
        case Item(source=Result(callee=External(name=name)), key=Constant(value=1)) if name in CLASSES:
            return CLASSES[name]
        case Member(receiver=Result(callee=External(name=name)), name="target") if name in CLASSES:
            return CLASSES[name]
        case Item(source=Item(source=loader, key=None), key=Constant(value=1)):
            return _labelled(one(loader))
    return None


def _labelled(loader: Value, depth: int = 0) -> int | None:
    """How many classes the labels of a known data set have; of several that a setting chooses among, all of them."""
    for inner in walk(loader):
        if isinstance(inner, Choice) and depth < _NESTED and not all(map(is_nothing, options(inner))):
            counts = {_labelled(option, depth + 1) for option in options(inner) if not is_nothing(option)}
            if counts != {None}:
                return counts.pop() if len(counts) == 1 else None
        if isinstance(inner, Instance) and isinstance(inner.cls, External):
            name = inner.cls.name
            if name.startswith("torchvision.datasets.") and "target_transform" not in inner.keywords:
                return SINGLE_LABEL.get(name.rpartition(".")[2])
    return None


_NESTED = 3  # choices among choices


def one_hot_of(value: Value) -> tuple[Value, Node | None] | None:
    """The integer labels that a one-hot target was made from; None where only a part of it is one-hot."""
    found = [_one_hot(origin) for origin in origins(value)]
    return found[0] if found and None not in found else None


def _one_hot(origin: Value) -> tuple[Value, Node | None] | None:
    match origin:
        case Result(keywords=keywords, node=node) if HOT in keywords:
            return keywords[HOT], node
        case Result(callee=External(name=name), arguments=[labels, *_], node=node) if name.endswith(
            ".one_hot"
        ):
            return labels, node
        case Result(
            callee=Member(receiver=encoder, name="fit_transform" | "transform"), arguments=[names], node=node
        ) if _encodes_rows(encoder, names):
            return origin, node
        case Result(callee=External(name="sklearn.preprocessing.label_binarize"), node=node):
            return origin, node
        case Result(callee=External(name="torch.eye" | "numpy.eye" | "numpy.identity"), node=node):
            return origin, node  # its rows, one for each label that is its key
        case Result(callee=External(name="pandas.get_dummies"), node=node):
            return origin, node
        case Result(callee=Member(name="scatter_" | "scatter"), arguments=[_, labels, *_], node=node):
            return labels, node
        case Result(callee=External(name=name), node=node) if name.endswith(".to_categorical"):
            return origin, node
    return None


def _encodes_rows(encoder: Value, names: Value) -> bool:
    """Whether an encoder makes one row of each name; of several columns it makes several of them side by side."""
    match one(encoder):
        case Instance(cls=External(name=name)):
            if not name.endswith((".LabelBinarizer", ".OneHotEncoder")):
                return False
            return not any(
                isinstance(v, Item) and isinstance(v.key, Sequence) and len(v.key.items) > 1
                for v in walk(names, limit=50)
            )
        case Result(callee=Member(receiver=inner, name="fit")):
            return _encodes_rows(inner, names)
    return False


def hot_at(value: Value) -> tuple[Value, Node | None] | None:
    """What is the key of the one in a row of zeros: one label, or all that a sample has."""
    found = [
        (origin.keywords[HOT_AT], origin.node)
        for origin in origins(value)
        if isinstance(origin, Result) and HOT_AT in origin.keywords
    ]
    return found[0] if found and len(found) == len(origins(value)) and found[0][0] is not NONE else None


def whole(value: Value) -> int | None:
    """A whole number: written in the code, or the length of a list that is."""
    found = one(value)
    match found:
        case Constant(value=number) if type(number) is int:
            return number
        case Result(
            callee=External(name="builtins.len"),
            arguments=(Sequence(items=items, open=False, element=None),),
        ):
            return len(items)
    return None


def classes_of_one_hot(value: Value) -> int | None:
    """The number of classes that `one_hot(labels, 10)` or `zeros(n, 10)` was told by a number in the code."""
    for origin in origins(value):
        match origin:
            case Result(arguments=[_, width], keywords=keywords) if HOT in keywords:
                given: Value | None = width
            case Result(arguments=[width], keywords=keywords) if HOT_AT in keywords:
                given = width
            case Result(callee=External(name=name), arguments=arguments, keywords=keywords) if name.endswith(
                ".one_hot"
            ):
                given = arguments[1] if len(arguments) > 1 else keywords.get("num_classes")
            case _:
                continue
        count = one(given) if given is not None else None
        if count is not None and not (isinstance(count, Constant) and count.under is not None):
            known = whole(count)
            if known is not None:
                return known
    return None


def eye_rows(value: Value) -> tuple[Value, Node | None] | None:
    """The labels of `torch.eye(n)[labels]`."""
    for part in _unpeeled(value):
        match part:
            case Item(
                source=Result(callee=External(name="torch.eye" | "numpy.eye" | "numpy.identity"), node=node),
                key=labels,
            ):
                return (labels, node) if labels is not None else None
    return None


def _unpeeled(value: Value) -> list[Value]:
    found = []
    for inner in walk(value, lambda v: not isinstance(v, Item)):
        found.append(inner)
        if len(found) > 30:
            break
    return found
