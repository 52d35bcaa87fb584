"""What known transforms make of the numbers of a picture."""

from __future__ import annotations

from dataclasses import replace
from operator import sub, truediv

from trainlint.meaning.arithmetic import shifted
from trainlint.meaning.extent import Column, Extent, picture
from trainlint.meaning.facts.transforms import TO_UNIT_RANGE, VISION
from trainlint.meaning.scaling import constants_of, is_float_type, is_known
from trainlint.meaning.transforms import Step, steps
from trainlint.meaning.values import Result, Value, constant

_HOMES = (VISION, "albumentations.")
_DECIDING = frozenset(("LinearTransformation", "Lambda"))


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
