"""Whether a number is better when it is low or when it is high: losses, accuracies, and what is computed of them."""

from __future__ import annotations

from collections.abc import Iterable

from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.facts.losses import criterion
from trainlint.meaning.objects import is_module
from trainlint.meaning.values import (
    Choice,
    Class,
    Constant,
    External,
    Instance,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
)

LOW, HIGH, NEUTRAL, UNKNOWN = "low", "high", "neutral", "unknown"
_OTHER = {LOW: HIGH, HIGH: LOW}
_BETTER_HIGH = frozenset(
    "accuracy_score balanced_accuracy_score f1_score precision_score recall_score roc_auc_score average_precision_score"
    " r2_score cohen_kappa_score matthews_corrcoef jaccard_score fbeta_score top_k_accuracy_score Accuracy F1Score AUROC"
    " Precision Recall JaccardIndex Dice BinaryAccuracy MulticlassAccuracy BinaryF1Score MulticlassF1Score BinaryAUROC"
    " MulticlassAUROC AveragePrecision MatthewsCorrCoef CohenKappa R2Score".split()
)
_BETTER_LOW = frozenset(
    "mean_squared_error mean_absolute_error log_loss root_mean_squared_error median_absolute_error"
    " mean_absolute_percentage_error MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError".split()
)
_HOMES = ("sklearn.metrics.", "torchmetrics.")
_SAME_METHODS = frozenset(
    "item mean sum detach cpu numpy float double to tolist data clone compute round squeeze cuda sqrt exp log".split()
)
_SAME_FUNCTIONS = frozenset(
    "builtins.float builtins.int builtins.round builtins.sum numpy.mean numpy.sum numpy.average numpy.nanmean numpy.array statistics.mean"
    " math.ceil math.floor numpy.ceil numpy.floor numpy.round numpy.around math.sqrt numpy.sqrt torch.sqrt math.exp numpy.exp torch.exp math.log numpy.log torch.log"
    " statistics.fmean torch.mean torch.sum torch.stack torch.tensor torch.as_tensor numpy.asarray torch.cat".split()
)
_GUESSES = frozenset("argmax max topk round sigmoid softmax operator.> operator.>=".split())
_DEEPEST = 40


def direction(value: Value) -> str:
    """`low` or `high`, whichever is better; else neutral for a plain number, or unknown."""
    return _direction(value, frozenset(), 0)


def _direction(value: Value, seen: frozenset[int], depth: int) -> str:
    value = one(value)
    if id(value) in seen:
        return NEUTRAL  # what a loop adds to itself
    if depth > _DEEPEST:
        return UNKNOWN
    seen, depth = seen | {id(value)}, depth + 1
    match value:
        case Choice(options=values):
            counted = [found for v in values if (found := _counted(v, value)) != UNKNOWN]
            if counted:
                return _together(counted)
            return _together(_direction(v, seen, depth) for v in values)
        case Constant():
            return NEUTRAL
        case Sequence(items=items, element=element):
            inner = [*items, *([element] if element is not None else [])]
            return _together(_direction(v, seen, depth) for v in inner)
        case Member(receiver=receiver, name=name) if name in _SAME_METHODS:
            return _direction(receiver, seen, depth)
        case Member(receiver=Result(callee=Instance() as model), name="loss") if is_module(model):
            return LOW  # `model(**batch).loss`
        case Result():
            return _of_result(value, seen, depth)
    return UNKNOWN


def _counted(number: Value, choice: Choice) -> str:
    """`if guess == label: right += 1`: a count of hits, or of what is none in the other arm."""
    match one(number):
        case Result(callee=External(name="operator.+"), arguments=(_, Constant(value=1))):
            pass
        case _:
            return UNKNOWN
    for test, holds in (choice.under or {}).get(id(number), ()):
        asked = one(test)
        if isinstance(asked, Result) and _is_hit(asked):
            if any(isinstance(one(side), Constant) for side in asked.arguments):
                return UNKNOWN  # `if guess == 1 and label == 0:` is no hit
            return HIGH if holds else LOW
    return UNKNOWN


def _of_result(value: Result, seen: frozenset[int], depth: int) -> str:
    if _is_hit(value):
        return HIGH
    if _is_error(value):
        return LOW
    match value.callee:
        case External(name=name) if name.startswith("operator."):
            return _of_operator(name.removeprefix("operator."), value.arguments, seen, depth)
        case External(name=name) if name.startswith(_HOMES):
            return _named(name)
        case External(name=name) if criterion(name) is not None:
            return LOW
        case External(name=name) if name in _SAME_FUNCTIONS and value.arguments:
            return _direction(value.arguments[0], seen, depth)
        case Instance(cls=External(name=name)):
            return (
                LOW if criterion(name) is not None else _named(name) if name.startswith(_HOMES) else UNKNOWN
            )
        case Member(receiver=receiver, name=name):
            return _of_method(one(receiver), name, seen, depth)
    return UNKNOWN


def _of_method(receiver: Value, name: str, seen: frozenset[int], depth: int) -> str:
    match receiver:
        case Instance(cls=External(name=made)) if made.startswith("torchmetrics.") and name in (
            "compute",
            "forward",
        ):
            return _named(made)
        case Instance(cls=Class()):
            return UNKNOWN
    return _direction(receiver, seen, depth) if name in _SAME_METHODS else UNKNOWN


def _named(name: str) -> str:
    last = name.rpartition(".")[2]
    return HIGH if last in _BETTER_HIGH else LOW if last in _BETTER_LOW else UNKNOWN


def _is_hit(value: Result) -> bool:
    """`scores.argmax(1) == labels`: where a guess is right."""
    if operation(value) not in ("operator.==", "eq"):
        return False
    sides = [*value.arguments, *([value.callee.receiver] if isinstance(value.callee, Member) else [])]
    return any(operation(v) in _GUESSES for side in sides for v in walk(side, limit=60))


def _is_error(value: Result) -> bool:
    """`(net(x) - y) ** 2` and `(net(x) - y).abs()`: how far a prediction is off."""
    name = operation(value)
    given = [*([value.callee.receiver] if isinstance(value.callee, Member) else []), *value.arguments]
    if name in ("operator.**", "pow"):
        if len(given) != 2 or constant(given[1]) != 2:
            return False
    elif name not in ("square", "abs", "builtins.abs"):
        return False
    difference = one(given[0]) if given else value
    if not isinstance(difference, Result) or operation(difference) not in ("operator.-", "sub"):
        return False
    return any(isinstance(v, Result) and is_module(v.callee) for v in walk(difference, limit=60))


def _of_operator(sign: str, arguments: tuple[Value, ...], seen: frozenset[int], depth: int) -> str:
    found = [_direction(argument, seen, depth) for argument in arguments]
    if sign == "unary-" or (sign == "-" and len(found) == 2 and found[0] == NEUTRAL and found[1] in _OTHER):
        return _OTHER.get(found[-1], found[-1])
    if sign == "/" and found:
        return found[0] if found[0] in _OTHER else UNKNOWN  # by a count, whatever that is
    if sign == "*" and len(found) == 2:
        return _scaled(found, arguments)
    if sign == "-" and len(found) == 2:
        return found[0] if found[1] == NEUTRAL else UNKNOWN
    return _together(found) if sign == "+" else UNKNOWN


def _scaled(found: list[str], arguments: tuple[Value, ...]) -> str:
    """A loss times the size of its batch, an accuracy times 100; two of them say nothing."""
    known = [at for at, which in enumerate(found) if which in _OTHER]
    if len(known) != 1:
        return NEUTRAL if set(found) == {NEUTRAL} else UNKNOWN
    factor = constant(arguments[1 - known[0]])
    if isinstance(factor, (int, float)) and factor < 0:
        return _OTHER[found[known[0]]]
    return found[known[0]]


def _together(found: Iterable[str]) -> str:
    """What several numbers agree on, plain ones aside."""
    kinds = set(found) - {NEUTRAL}
    return kinds.pop() if len(kinds) == 1 else UNKNOWN if kinds else NEUTRAL
