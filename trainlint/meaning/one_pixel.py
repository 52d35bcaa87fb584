"""Which maps have one pixel: those that were pooled to one, and those that are as wide as they have channels once they are flat."""

from __future__ import annotations

from trainlint.meaning.chains import Chain, Step
from trainlint.meaning.values import Instance, Sequence, constant, one, passed

_MAPS = ("BatchNorm2d", "BatchNorm3d", "LazyBatchNorm2d", "LazyBatchNorm3d")
_FLATTENING = ("Flatten", "flatten", "view", "reshape", "squeeze")
_POINTWISE = frozenset("Dropout Dropout2d Dropout3d dropout Identity contiguous".split())


def is_of_one_pixel(chain: Chain, norm: Step) -> bool:
    """Whether a normalisation of maps gets one value for each channel of a sample."""
    return norm.kind in _MAPS and (_is_pooled_before(chain, norm) or _is_flat_behind(chain, norm))


def _is_pooled_before(chain: Chain, norm: Step) -> bool:
    """`AdaptiveAvgPool2d(1)`, and nothing since that makes maps larger again; also on a path of its own."""
    for steps in (chain.steps, tuple(s for s in chain.every if s.value is norm.value)):
        before = steps[: steps.index(norm)] if norm in steps else ()
        for step in reversed(before):
            if _pools_to_one(step):
                return True
            if not (_is_of_points(step) or step.normalises or _keeps_one_pixel(step)):
                break
    return False


def _pools_to_one(step: Step) -> bool:
    if not (step.kind.startswith("Adaptive") and "Pool" in step.kind) or step.layer is None:
        return False
    size = passed(step.layer, 0, "output_size")
    found = one(size) if size is not None else None
    sizes = found.items if isinstance(found, Sequence) and not found.open else (found,) if found else ()
    return bool(sizes) and all(constant(each) == 1 for each in sizes)


def _is_of_points(step: Step) -> bool:
    """Whether a step does the same to each pixel."""
    return bool(step.activates) or step.kind in _POINTWISE


def _keeps_one_pixel(step: Step) -> bool:
    """A convolution of one pixel, whatever its stride: a larger one needs a border, which keeps the size at best."""
    if step.kind not in ("Conv2d", "Conv3d") or step.layer is None:
        return False
    return _is(step.layer, 2, "kernel_size", 1) and _is(step.layer, 4, "padding", 0)


def _is(layer: Instance, place: int, name: str, wanted: int) -> bool:
    given = passed(layer, place, name)
    if given is None:
        return name == "padding"
    return bool(constant(given) == wanted)


def _is_flat_behind(chain: Chain, norm: Step) -> bool:
    """Whether a linear layer takes as many features as there are channels, with nothing between but to make them flat."""
    behind = chain.steps[chain.steps.index(norm) + 1 :] if norm in chain.steps else ()
    flat = False
    for step in behind:
        if step.kind in _FLATTENING:
            flat = True
        elif step.kind == "Linear":
            channels, features = _size(norm, "num_features"), _size(step, "in_features")
            return flat and channels is not None and channels == features
        elif not _is_of_points(step):
            return False
    return False


def _size(step: Step, name: str) -> int | None:
    given = passed(step.layer, 0, name) if step.layer is not None else None
    found = constant(given) if given is not None else None
    return found if type(found) is int else None
