"""On which scale a pipeline leaves its samples: the means and deviations that it normalises with."""

from __future__ import annotations

from trainlint.meaning.facts.transforms import (
    CHOOSING,
    COMPOSING,
    IMAGENET,
    MAKE_BYTES,
    TO_UNIT_RANGE,
    VISION,
    is_transform,
)
from trainlint.meaning.transforms import Step, steps
from trainlint.meaning.values import (
    Argument,
    Constant,
    External,
    Free,
    Instance,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
    options,
)
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The normalisation of a pipeline, and whether all of its steps are known."""

    normalise: Step | None
    converts: Step | None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    complete: bool = True
    typed: Step | None = None  # what makes floats of bytes, and whether they are from 0 to 1 then
    is_unit: bool = False

    def distance(self, other: Scale) -> float:
        """How far two scales are apart at most, in units of the first one's deviation."""
        if not self.mean or not other.mean:
            return 0.0
        width = max(len(self.mean), len(other.mean))
        first, second = _spread_out(self, width), _spread_out(other, width)
        if first is None or second is None:
            return 0.0
        return max(
            max(abs(m - n) / s, abs(1 - t / s), abs(1 - s / t))
            for (m, s), (n, t) in zip(first, second, strict=True)
        )


def _spread_out(scale: Scale, width: int) -> list[tuple[float, float]] | None:
    pairs = list(zip(scale.mean, scale.std, strict=False))
    pairs = pairs * width if len(pairs) == 1 else pairs
    return pairs if len(pairs) == width and all(s > 0 for _, s in pairs) else None


def scale_of(pipelines: list[Value] | None) -> Scale | None:
    """The scale that samples come out with; None where something not known, or more than one thing, decides."""
    if not pipelines:
        return None
    applied = [step for pipeline in pipelines for step in steps(pipeline)]
    normalising = [step for step in applied if step.name == "Normalize"]
    if len(normalising) > 1:
        return None
    complete = all(map(is_known, pipelines))
    typed, is_unit = _made_floats(applied)
    by_type = typed if is_unit else None  # `ToDtype(torch.float32, scale=True)`
    converting = next((step for step in applied if step.name in TO_UNIT_RANGE), by_type)
    if not normalising:
        return Scale(None, converting, complete=complete, typed=typed, is_unit=is_unit)
    mean, std = constants_of(normalising[0])
    if mean is None or std is None:
        return None
    return Scale(normalising[0], converting, mean, std, complete, typed, is_unit)


def _made_floats(applied: list[Step]) -> tuple[Step | None, bool]:
    """The one step of torchvision's that makes floats of a picture's bytes, and whether it divides by 255."""
    if not all(step.library.startswith(VISION) for step in applied):
        return None, False
    makes = [step for step in applied if step.name == "ToTensor" or step.name in MAKE_BYTES]
    typed = [s for s in applied if s.name in ("ToTensor", "ConvertImageDtype", "ToDtype")]
    if len(makes) != 1 or len(typed) != 1 or applied.index(makes[0]) > applied.index(typed[0]):
        return None, False
    if typed[0].name == "ToTensor":
        return typed[0], True
    scale = typed[0].argument(1, "scale") if typed[0].name == "ToDtype" else Constant(True)
    if not is_float_type(typed[0].argument(0, "dtype")) or not (
        scale is None or isinstance(constant(scale), bool)
    ):
        return None, False
    return typed[0], scale is not None and constant(scale) is True


def is_float_type(kind: Value | None) -> bool:
    return kind is not None and all(
        isinstance(o, External) and o.name in ("torch.float32", "torch.float", "torch.float16")
        for o in options(kind)
    )


def is_written_as_float(kind: Value | None) -> bool:
    """The same, also as NumPy and Python write it."""
    if kind is None:
        return False
    return is_float_type(kind) or all(
        (isinstance(o, External) and o.name in ("numpy.float32", "numpy.float64", "builtins.float"))
        or (isinstance(o, Constant) and str(o.value).startswith("float"))
        for o in options(kind)
    )


def constants_of(step: Step) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """The means and deviations that a `Normalize` is given, where they are written down."""
    mean, std = step.argument(0, "mean"), step.argument(1, "std")
    if step.library.startswith("albumentations."):
        return (
            IMAGENET[0] if mean is None else _numbers(mean),
            IMAGENET[1] if std is None else _numbers(std),
        )
    return (_numbers(mean) if mean is not None else None, _numbers(std) if std is not None else None)


def _numbers(value: Value) -> tuple[float, ...] | None:
    match one(value):
        case Constant(value=bool()):
            return None
        case Constant(value=float() | int() as number, under=None):
            return (float(number),)
        case Sequence(items=items, open=False, element=None) if items:
            found = [_numbers(item) for item in items]
            if any(f is None or len(f) != 1 for f in found):
                return None
            return tuple(f[0] for f in found if f)
    return None


def is_known(pipeline: Value) -> bool:
    """Whether all that a pipeline does is a library's, and nothing that could scale by itself."""
    found = one(pipeline)
    match found:
        case Sequence(items=items, open=False, element=None):
            return all(map(is_known, items))
        case Instance(cls=External(name=name)) if is_transform(name) or name == "torch.nn.Sequential":
            if name.rpartition(".")[2] in ("Lambda", "LinearTransformation", "create_transform"):
                return False
            holds = name.rpartition(".")[2] in COMPOSING | CHOOSING
            inner = [a for a in (*found.arguments, *found.keywords.values()) if _holds_steps(a, holds)]
            return all(map(is_known, inner))
    return False


def _holds_steps(value: Value, composed: bool) -> bool:
    """Whether an argument has transforms in it: what is given to a single one is a size or a number, known or not."""
    return any(
        isinstance(o, Instance)
        or (composed and isinstance(o, Sequence) and any(not isinstance(one(i), Constant) for i in o.items))
        or (composed and isinstance(o, (Result, Unknown, Free, Argument)))
        for o in options(value)
    )
