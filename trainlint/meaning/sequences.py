"""Steps of a pipeline in an order in which one of them gets what it cannot take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.facts.transforms import (
    CHOOSING,
    CLAMPING,
    COMPOSING,
    MAKE_BYTES,
    NEEDS_BYTES,
    NEEDS_PICTURE,
    NEEDS_TENSOR,
    VISION,
    is_transform,
)
from trainlint.meaning.place import Change, append_text, drop_item, text_of
from trainlint.meaning.sampled import taken_by
from trainlint.meaning.scaling import constants_of
from trainlint.meaning.syntax import Display, Node
from trainlint.meaning.transforms import Step
from trainlint.meaning.values import External, Instance, Sequence, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_SECOND = f"{VISION}v2."
_FLOATING = frozenset("ToTensor ToDtype ConvertImageDtype".split())
_TENSORS = "albumentations.pytorch."


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A step of a pipeline, and the item of the written list that it is."""

    step: Step
    item: Node
    takes: str = ""  # "picture" or "tensor": what a function asks of its sample that only these have
    written: bool = True  # in one list, and not in several or one after the other


@dataclass(frozen=True, slots=True, eq=False)
class Misplaced:
    """Two steps in the wrong order: what happens at the second one, and the edit that moves one of them."""

    node: Node
    other: Node
    why: str
    mended: tuple[Change, ...]


def misplaced(program: Program) -> list[Misplaced]:
    found: dict[int, Misplaced] = {}
    for made in program.instances:
        early = _of_bytes(made)
        if early is not None:
            found.setdefault(id(early.node), early)
        placed = list(_placed(program, made))
        for position, first in enumerate(placed):
            for second in placed[position + 1 :]:
                wrong = _wrong(first, second, placed)
                if wrong is not None:
                    found.setdefault(id(wrong.node), wrong)
    return list(found.values())


def _placed(program: Program, made: Instance) -> Iterator[Placed]:
    """The steps of a list, however it came about; what is not a library's parts it, for nobody knows what comes out."""
    if not isinstance(made.cls, External) or not is_transform(made.cls.name) or not made.arguments:
        return
    listed = one(made.arguments[0])
    if made.cls.name.rpartition(".")[2] not in COMPOSING or not isinstance(listed, Sequence):
        return
    if listed.open or listed.element is not None:
        return
    written = isinstance(listed.node, Display) and len(listed.node.items) == len(listed.items)
    for position, value in enumerate(map(one, listed.items)):
        if not isinstance(value, Instance) or not isinstance(value.cls, External) or value.node is None:
            return
        if not is_transform(value.cls.name):
            return
        item = listed.node.items[position] if written and isinstance(listed.node, Display) else value.node
        if not value.cls.name.endswith(".Lambda"):
            yield Placed(Step(value), item, written=written)
            continue
        takes = taken_by(program, value)
        if takes:
            yield Placed(Step(value), item, takes, written)
        if takes != "tensor":
            return


def _of_bytes(made: Instance) -> Misplaced | None:
    """`v2.Normalize` before the `ToDtype` that makes floats of bytes, however the list was put together."""
    listed = one(made.arguments[0]) if made.arguments else None
    if not isinstance(made.cls, External) or made.cls.name != f"{_SECOND}Compose":
        return None
    if not isinstance(listed, Sequence) or listed.open or listed.element is not None:
        return None
    given = [v for v in map(one, listed.items) if isinstance(v, Instance) and isinstance(v.cls, External)]
    applied = [Step(v) for v in given]
    names = [step.name for step in applied]
    plain = all(
        s.library.startswith(_SECOND) and s.name not in ("Lambda", *COMPOSING, *CHOOSING) for s in applied
    )
    if len(given) < len(listed.items) or not plain or names.count("Normalize") != 1:
        return None
    at = names.index("Normalize")
    behind = next((step for step in applied[at:] if step.name == "ToDtype"), None)
    if behind is None or MAKE_BYTES.isdisjoint(names[:at]) or not _FLOATING.isdisjoint(names[:at]):
        return None
    scale, node = behind.argument(1, "scale"), applied[at].node
    if scale is None or constant(scale) is not True or node is None or behind.node is None:
        return None
    why = f"gets bytes, and raises: it stands before `{text_of(behind.node)}`"
    return Misplaced(node, behind.node, why, ())


def _wrong(first: Placed, second: Placed, placed: list[Placed]) -> Misplaced | None:
    a, b = first.step, second.step
    between = placed[placed.index(first) + 1 : placed.index(second)]
    if any(p.step.name in ("ToPILImage", "ToTensor", "ToImage", "ToTensorV2") for p in between):
        return None
    if second.takes == "picture" and a.library.startswith(VISION) and a.name in NEEDS_TENSOR | NEEDS_PICTURE:
        why = f"asks the tensor of `{text_of(first.item)}` for what only pictures have, and raises"
        return Misplaced(second.item, first.item, why, ())
    if first.takes == "tensor" and b.library.startswith(VISION) and b.name in NEEDS_PICTURE:
        why = f"stands before `{text_of(second.item)}`, which takes no tensors: one of both raises"
        return Misplaced(first.item, second.item, why, _behind(first, second))
    if first.takes or second.takes:
        return None
    if a.library.startswith(_TENSORS) and b.library.startswith("albumentations.") and b.name == "Normalize":
        why = f"gets the tensor of `{text_of(first.item)}`, and takes arrays only"
        return Misplaced(second.item, first.item, why, _behind(first, second))
    if not a.library.startswith(VISION) or not b.library.startswith(VISION) or b.library.startswith(_SECOND):
        return None
    if a.name in NEEDS_TENSOR and b.name in NEEDS_PICTURE:
        why = f"stands before `{text_of(second.item)}`, which takes no tensors: one of both raises"
        return Misplaced(first.item, second.item, why, _behind(first, second))
    if a.name in NEEDS_PICTURE and b.name in NEEDS_PICTURE:
        why = f"gets the tensor of `{text_of(first.item)}`, and raises"
        return Misplaced(second.item, first.item, why, (drop_item(second.item),))
    if a.name == "ToTensor" and b.name in NEEDS_BYTES:
        why = f"gets floats from `{text_of(first.item)}`, and takes tensors of bytes only"
        return Misplaced(second.item, first.item, why, _before(first, second, placed))
    if a.name == "Normalize" and b.name in CLAMPING and _centres(a):
        why = f"cuts off all that `{text_of(first.item)}` has made negative"
        return Misplaced(second.item, first.item, why, _before(first, second, placed))
    if a.name == "Normalize" and b.name == "ToPILImage" and _centres(a):
        why = f"makes bytes of what `{text_of(first.item)}` has made negative: they wrap around"
        return Misplaced(second.item, first.item, why, ())
    return None


def _centres(step: Step) -> bool:
    """Whether it makes about half of the values negative, and does not undo that."""
    mean, std = constants_of(step)
    return mean is not None and std is not None and min(mean) > 0 and max(mean) < 1 and min(std) > 0


def _behind(first: Placed, second: Placed) -> tuple[Change, ...]:
    """The edit that moves the first step behind the second one, where both stand in one list."""
    return (
        ()
        if not first.written
        else (drop_item(first.item), append_text(second.item, f", {text_of(first.item)}"))
    )


def _before(first: Placed, second: Placed, placed: list[Placed]) -> tuple[Change, ...]:
    """The edit that moves the second step before the first one, where another one stands before that."""
    position = placed.index(first)
    if position == 0 or not first.written:
        return ()
    return (drop_item(second.item), append_text(placed[position - 1].item, f", {text_of(second.item)}"))
