"""What known transforms make of the numbers of a picture."""

from __future__ import annotations

from dataclasses import replace
from operator import sub, truediv

from trainlint.meaning.arithmetic import shifted
from trainlint.meaning.extent import Column, Extent, picture
from trainlint.meaning.facts.transforms import TO_UNIT_RANGE, VISION
from trainlint.meaning.scaling import constants_of, is_float_type, is_known
from trainlint.meaning.transforms import Step, steps
from trainlint.meaning.values import Constant, External, Result, Value, constant, one, passed

_HOMES = (VISION, "albumentations.")
_DECIDING = frozenset(("LinearTransformation", "Lambda"))


_EIGHT_BITS = frozenset(
    "IMREAD_COLOR IMREAD_COLOR_BGR IMREAD_COLOR_RGB IMREAD_GRAYSCALE IMREAD_ANYCOLOR".split()
)
_ALL_BITS, _AS_IT_IS = 2, -1  # `cv2.IMREAD_ANYDEPTH` and `cv2.IMREAD_UNCHANGED`


def picture_read(call: Result, name: str) -> Extent:
    """What a reader gives: bytes, or what the file holds where the reader keeps sixteen bits."""
    if name.startswith("cv2."):
        return picture(call, call.node, "BGR", _keeps_depth(passed(call, 1, "flags")))
    return picture(call, call.node, "RGB", not name.startswith("torchvision.datasets."))


def _keeps_depth(flags: Value | None) -> bool:
    """Whether OpenCV is told, or may be told, to leave more than eight bits: it makes bytes otherwise."""
    found = one(flags) if flags is not None else Constant(1)
    match found:
        case Constant(value=int() as number):
            return number == _AS_IT_IS or bool(number & _ALL_BITS)
        case External(name=name):
            return name.rpartition(".")[2] not in _EIGHT_BITS
        case Result(callee=External(name="operator.|" | "operator.+"), arguments=both):
            return any(map(_keeps_depth, both))
    return True


def with_mode(extent: Extent, call: Result) -> Extent:
    """`picture.convert("RGB")`: all modes but those of whole and broken numbers are of bytes."""
    given = passed(call, 0, "mode")
    mode = constant(given) if given is not None else None
    return replace(extent, deep=extent.deep and not (isinstance(mode, str) and mode[:1] not in "IF"))


def applied(extent: Extent | None, pipeline: Value) -> Extent | None:
    """The picture behind a pipeline; None where one of its steps is not known, or it is normalised."""
    if extent is None or not extent.of_pictures or not is_known(pipeline):
        return None
    for step in steps(pipeline):
        extent = _behind(extent, step) if extent is not None else None
    return extent


def _behind(extent: Extent, step: Step) -> Extent | None:
    if not step.library.startswith(_HOMES) or step.name in _DECIDING:
        return None
    if step.name == "Normalize":
        return _normalised(extent, step)
    if step.name in TO_UNIT_RANGE:
        divides = step.name != "ToFloat" or step.argument(0, "max_value") is None
        return _divided(extent, step) if divides else None
    if step.name == "ToDtype":
        if not is_float_type(step.argument(0, "dtype")):
            return None
        scale = step.argument(1, "scale")
        if scale is not None and constant(scale) is True:
            return _divided(extent, step)
        return (
            replace(extent, bytes=False, node=step.node)
            if scale is None or constant(scale) is False
            else None
        )
    if step.name == "ToPILImage" and extent.source is not None:
        return picture(extent.source, step.node, extent.order)
    return extent


def _normalised(extent: Extent, step: Step) -> Extent | None:
    mean, std = constants_of(step)
    if mean is None or std is None or min(std) <= 0:
        return None
    if step.library.startswith("albumentations."):
        if {"max_pixel_value", "normalization"} & step.value.keywords.keys() or len(step.value.arguments) > 2:
            return None
        mean, std = tuple(255 * m for m in mean), tuple(255 * s for s in std)
    moved = shifted(extent, sub, mean, False, step.node)
    return shifted(moved, truediv, std, False, step.node) if moved is not None else None


def _divided(extent: Extent, step: Step) -> Extent:
    """Bytes are divided by 255, floats stay as they are."""
    if not extent.bytes:
        return extent
    return replace(extent, columns=(Column(0.0, 1.0),), bytes=False, node=step.node)


def by_function(extent: Extent | None, name: str, call: Result) -> Extent | None:
    """The picture behind a function of `torchvision.transforms.functional`."""
    last = name.rpartition(".")[2]
    if extent is None or last in ("normalize", "normalize_image", "to_pil_image"):
        return None
    if last in ("to_tensor", "convert_image_dtype", "to_dtype", "to_dtype_image"):
        scale = call.keywords.get("scale")
        if last.startswith("to_dtype") and (scale is None or constant(scale) is not True):
            return None
        if not extent.bytes:
            return extent
        return replace(extent, columns=(Column(0.0, 1.0),), bytes=False, node=call.node)
    return extent
