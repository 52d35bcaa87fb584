"""Constants of a normalisation that cannot be right for what comes before it in its pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.facts.transforms import (
    COMPOSING,
    GRAY_DATA,
    MAKE_BYTES,
    SETS_CHANNELS,
    TO_UNIT_RANGE,
    VISION,
    is_transform,
)
from trainlint.meaning.highest import BYTES, highest
from trainlint.meaning.place import Change, replace, set_argument, text_of
from trainlint.meaning.scaling import constants_of, is_float_type
from trainlint.meaning.standardised import misplaced_pictures
from trainlint.meaning.syntax import Call, Expression, Node
from trainlint.meaning.transforms import Step
from trainlint.meaning.values import External, Instance, Sequence, Value, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class WrongConstants:
    """A `Normalize` whose numbers do not fit, and why."""

    node: Node
    why: str
    because: tuple[tuple[Node, str], ...]
    mended: tuple[Change, ...] = ()
    steadied: tuple[Change, ...] = ()


def wrong_constants(program: Program) -> list[WrongConstants]:
    found: dict[int, WrongConstants] = {}
    gray = _through(program)
    for made in program.instances:
        for step, before in _normalising(made):
            wrong = (
                _wrong(step, before)
                or _for_gray_data(step, before, gray.get(id(made)))
                or _by_functions(program, step, before)
            )
            if wrong is not None:
                found.setdefault(id(wrong.node), wrong)
    for extent, why in misplaced_pictures(program):
        assert extent.node is not None
        read = getattr(extent.source, "node", None)
        because = ((read, "reads them as bytes"),) if read is not None else ()
        found.setdefault(id(extent.node), WrongConstants(extent.node, why, because))
    return list(found.values())


def _normalising(made: Instance) -> Iterator[tuple[Step, list[Value]]]:
    """The `Normalize` steps of a pipeline, each with the steps before it."""
    if not isinstance(made.cls, External) or not is_transform(made.cls.name):
        return
    if made.cls.name.rpartition(".")[2] not in COMPOSING or not made.arguments:
        return
    listed = one(made.arguments[0])
    items = list(listed.items) if isinstance(listed, Sequence) and not listed.open else []
    for position, item in enumerate(map(one, items)):
        if isinstance(item, Instance) and isinstance(item.cls, External) and is_transform(item.cls.name):
            if item.cls.name.endswith(".Normalize") and item.node is not None:
                yield Step(item), items[:position]


def _wrong(step: Step, before: list[Value]) -> WrongConstants | None:
    mean, std = constants_of(step)
    node = step.node
    if mean is None or std is None or node is None:
        return None
    if min(std) <= 0:
        return WrongConstants(node, f"divides by a deviation of {min(std):g}", (), (), _ones(step, len(std)))
    if len(mean) != len(std) and 1 not in (len(mean), len(std)):
        return WrongConstants(node, f"has {len(mean)} means and {len(std)} deviations", ())
    if step.library.startswith("albumentations."):
        return _of_albumentations(step, mean, std)
    known = _known(before)
    if known is None:
        return None
    return (
        _of_bytes(step, mean, std, known)
        or _divided_twice(step, mean, std, known)
        or _unscaled(step, mean, std, known)
        or _of_gray(step, mean, known)
    )


def _known(before: list[Value]) -> list[Step] | None:
    """The steps before, if all of them are torchvision's and none is the author's own function."""
    found = [one(value) for value in before]
    steps = [Step(v) for v in found if isinstance(v, Instance) and isinstance(v.cls, External)]
    if len(steps) < len(found) or any(not is_transform(s.library) or s.name == "Lambda" for s in steps):
        return None
    return steps


def _scaled(known: list[Step]) -> Step | None:
    """The step that gives values from 0 to 1."""
    return next((s for s in known if s.name in TO_UNIT_RANGE or (s.name == "ToDtype" and _scales(s))), None)


def _divided_twice(
    step: Step, mean: tuple[float, ...], std: tuple[float, ...], known: list[Step]
) -> WrongConstants | None:
    """Constants of values from 0 to 1 that were divided by 255 all the same.

    Small numbers of another kind were measured: arrays of floats, which no step scales, as of a telescope.
    """
    scaled = _scaled(known)
    if scaled is None or scaled.node is None or step.node is None or max(std) >= _LEAST_SPREAD:
        return None
    if not all(_LEAST_MEAN <= 255 * value <= 1 for value in mean):
        return None
    said = f"divides values from 0 to 1 by {max(std):g}, which makes them up to {1 / max(std):,.0f}"
    return WrongConstants(step.node, said, ((scaled.node, "gives values from 0 to 1"),))


_LEAST_MEAN = 0.02  # of the values of pictures from 0 to 1; of handwritten digits on black it is 0.13
_LEAST_SPREAD = 0.99 / 255  # less than one step of a pixel; by 1 / 255 some go back to bytes on purpose


def _of_bytes(
    step: Step, mean: tuple[float, ...], std: tuple[float, ...], known: list[Step]
) -> WrongConstants | None:
    """Constants from 0 to 255 for values from 0 to 1."""
    scaled = _scaled(known)
    if scaled is None or scaled.node is None or max(*mean, *std) <= 1:
        return None
    assert step.node is not None
    said = f"takes {max(*mean, *std):g} for a constant of values from 0 to 1"
    return WrongConstants(
        step.node, said, ((scaled.node, "gives values from 0 to 1"),), _divided(step, mean, std)
    )


def _of_albumentations(step: Step, mean: tuple[float, ...], std: tuple[float, ...]) -> WrongConstants | None:
    """Its constants are multiplied by the largest value of a pixel, 255 unless it is told."""
    largest = step.argument(2, "max_pixel_value")
    if (
        max(mean) <= 1
        or (largest is not None and constant(largest) != 255)
        or "normalization" in step.value.keywords
    ):
        return None
    assert step.node is not None
    said = f"multiplies {max(mean):g} by 255, which is for constants from 0 to 1"
    return WrongConstants(step.node, said, (), _divided(step, mean, std))


def _unscaled(
    step: Step, mean: tuple[float, ...], std: tuple[float, ...], known: list[Step]
) -> WrongConstants | None:
    """Constants from 0 to 1 for values that became floats as they were, from 0 to 255."""
    made = [s for s in known if s.name in MAKE_BYTES]
    typed = [s for s in known if s.name == "ToDtype"]
    if (
        not made
        or len(typed) != 1
        or max(mean) > 1
        or max(std) > 1
        or any(s.name in TO_UNIT_RANGE for s in known)
    ):
        return None
    kind, scale = typed[0].argument(0, "dtype"), typed[0].argument(1, "scale")
    if (
        not is_float_type(kind)
        or (scale is not None and constant(scale) is not False)
        or typed[0].node is None
    ):
        return None
    assert step.node is not None
    said = f"takes {max(mean):g} for the mean of values from 0 to 255"
    fix = (set_argument(typed[0].node, "scale", "True"),) if scale is None else ()
    return WrongConstants(step.node, said, ((typed[0].node, "leaves values from 0 to 255"),), fix)


def _by_functions(program: Program, step: Step, before: list[Value]) -> WrongConstants | None:
    """Constants of another range than that in which functions of the author's own, among the steps, leave the values."""
    mean, std = constants_of(step)
    if mean is None or std is None or step.node is None or _known(before) is not None or min(mean) <= 0:
        return None
    found = highest(program, before) if step.library.startswith(VISION) and min(std) > 0 else None
    if found is None:
        return None
    if round(found.value) == BYTES and max(*mean, *std) <= 1 and min(std) > _LEAST_SPREAD:
        said = f"takes {max(mean):g} for the mean of values from 0 to 255"
        return WrongConstants(step.node, said, ((found.node, "leaves values from 0 to 255"),))
    if 0.99 < found.value < 1.01 and max(*mean, *std) > 1:
        said = f"takes {max(*mean, *std):g} for a constant of values from 0 to 1"
        because = ((found.node, "gives values from 0 to 1"),)
        return WrongConstants(step.node, said, because, _divided(step, mean, std))
    if found.value < _DARK and min(mean) > 10 * found.value:
        said = f"takes {max(mean):g} for the mean of values from 0 to {found.value:.2g}"
        return WrongConstants(step.node, said, ((found.node, "divides once more"),))
    return None


_DARK = 1.01 / 255  # of values that were divided by 255 twice


def _of_gray(step: Step, mean: tuple[float, ...], known: list[Step]) -> WrongConstants | None:
    """Three constants for images that were made gray."""
    gray = [s for s in known if s.name == "Grayscale"]
    count = gray[-1].argument(0, "num_output_channels") if gray else None
    channels = 1 if count is None else constant(count)
    if not gray or channels not in (1, 3) or len(mean) in (1, channels) or gray[-1].node is None:
        return None
    assert step.node is not None
    said = f"has constants for {len(mean)} channels, and images of {channels}"
    return WrongConstants(step.node, said, ((gray[-1].node, "makes images gray"),), (), _first_only(step))


def _through(program: Program) -> dict[int, Instance]:
    """The pipelines of data sets whose pictures have one channel, by identity."""
    found: dict[int, Instance] = {}
    for made in program.instances:
        if (
            isinstance(made.cls, External)
            and made.cls.name in GRAY_DATA
            and "transforms" not in made.keywords
        ):
            given = made.attributes.get("transform") or made.keywords.get("transform")
            for value in map(one, [given] if given is not None else made.arguments):
                if isinstance(value, Instance):
                    found.setdefault(id(value), made)
    return found


def _for_gray_data(step: Step, before: list[Value], data: Instance | None) -> WrongConstants | None:
    """Three constants for pictures of one channel: version 1 raises, version 2 repeats them."""
    known, (mean, _) = _known(before), constants_of(step)
    if data is None or data.node is None or step.node is None or known is None or mean is None:
        return None
    second = step.library.startswith(f"{VISION}v2.") or not step.library.startswith(VISION)
    if second or len(mean) == 1 or any(s.name in SETS_CHANNELS for s in known):
        return None
    assert isinstance(data.cls, External)
    name = data.cls.name.rpartition(".")[2]
    said = f"has constants for {len(mean)} channels, and images of 1"
    return WrongConstants(step.node, said, ((data.node, f"{name} has one channel"),), (), _first_only(step))


def _scales(step: Step) -> bool:
    scale = step.argument(1, "scale")
    return scale is not None and constant(scale) is True


def _given(step: Step, position: int, name: str) -> Expression | None:
    node = step.node
    if not isinstance(node, Call) or any(a.star for a in node.arguments):
        return None
    plain = [a.value for a in node.arguments if a.keyword is None]
    named = [a.value for a in node.arguments if a.keyword == name]
    return named[0] if named else plain[position] if position < len(plain) else None


def _divided(step: Step, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Change, ...]:
    """The edit that writes the constants for values from 0 to 1, where all of them are for bytes."""
    first, second = _given(step, 0, "mean"), _given(step, 1, "std")
    if first is None or second is None or max(*mean, *std) > 255 or min(*mean, *std) <= 1:
        return ()
    return tuple(
        replace(
            place,
            "("
            + ", ".join(f"{value / 255:.4g}" for value in values)
            + ("," if len(values) == 1 else "")
            + ")",
        )
        for place, values in ((first, mean), (second, std))
    )


def _ones(step: Step, count: int) -> tuple[Change, ...]:
    place = _given(step, 1, "std")
    return (replace(place, "(" + "1.0, " * count + ")"),) if place is not None else ()


def _first_only(step: Step) -> tuple[Change, ...]:
    places = [_given(step, 0, "mean"), _given(step, 1, "std")]
    return tuple(replace(p, f"({text_of(p)})[:1]") for p in places if p is not None)
