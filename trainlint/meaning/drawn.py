"""Random numbers by what their arguments say: between which numbers most of them lie."""

from __future__ import annotations

from trainlint.meaning.arithmetic import numbers
from trainlint.meaning.extent import Column, Extent
from trainlint.meaning.facts.columns import NORMAL, STANDARD, UNIFORM, UNIT, WIDE
from trainlint.meaning.values import External, Instance, Member, Result, Value, one, passed

_HOMES = ("numpy.random.", "torch.", "random.")
_GENERATORS = (
    "numpy.random.default_rng",
    "numpy.random.RandomState",
    "numpy.random.Generator",
    "random.Random",
)
_USUAL = {"low": 0.0, "high": 1.0, "loc": 0.0, "scale": 1.0, "mean": 0.0, "std": 1.0}


def drawn(value: Result) -> Extent | None:
    """What a call draws; None where it draws nothing, or that is not known."""
    name = _name(value)
    if name in UNIT:
        ends = 0.0, 1.0
    elif name in STANDARD:
        ends = -WIDE, WIDE
    elif name in UNIFORM:
        low, high = _given(value, 0, "low", "a", "from"), _given(value, 1, "high", "b", "to")
        if low is not None and "high" not in value.keywords and (len(value.arguments) == 1 or high is None):
            low, high = 0.0, low  # `randint(10)` and `randint(10, (3,))`
        if low is None or high is None:
            return None
        ends = low, high
    elif name in NORMAL:
        mean, std = _given(value, 0, "loc", "mean"), _given(value, 1, "scale", "std")
        if mean is None or std is None:
            return None
        ends = mean - WIDE * abs(std), mean + WIDE * abs(std)
    else:
        return None
    return Extent((Column(*ends),), value.node, source=value)


def _name(value: Result) -> str:
    match value.callee:
        case External(name=name) if name.startswith(_HOMES):
            return name.rpartition(".")[2]
        case Member(receiver=receiver, name=name):
            made = one(receiver)
            match made:
                case Instance(cls=External(name=home)) | Result(callee=External(name=home)):
                    return name if home in _GENERATORS else ""
    return ""


def _given(value: Result, position: int, *names: str) -> float | None:
    given = passed(value, position, *names)
    if given is None:
        return _USUAL.get(names[0])
    found = numbers(given)
    return found[0] if found is not None and len(found) == 1 else None


_MADE_OF = frozenset("operator.+ operator.- operator.* operator./ builtins.float".split())


def is_random(value: Value, depth: int = 0) -> bool:
    """Whether a number is drawn: `random.uniform(0.8, 1.2)`, `1 + 0.1 * torch.randn(1)`, `torch.rand(()).item()`."""
    found = one(value)
    if not isinstance(found, Result) or depth > 4:
        return False
    if _name(found) in UNIT | STANDARD | UNIFORM | NORMAL | _OTHERS:
        return True
    if isinstance(found.callee, Member) and found.callee.name in ("item", "astype"):
        return is_random(found.callee.receiver, depth + 1)
    made = isinstance(found.callee, External) and found.callee.name in _MADE_OF
    known = all(numbers(part) is not None or is_random(part, depth + 1) for part in found.arguments)
    return made and known and any(is_random(part, depth + 1) for part in found.arguments)


_OTHERS = frozenset(("gauss", "triangular", "choice"))
