"""Edits that normalise what goes into a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.extent import Extent
from trainlint.meaning.facts.transforms import COMPOSING, VISION
from trainlint.meaning.place import Change, append_text, replace, set_argument, text_of
from trainlint.meaning.scaling import is_known, scale_of
from trainlint.meaning.syntax import Binary, Call, Node
from trainlint.meaning.transforms import Step, steps
from trainlint.meaning.values import External, Instance, Sequence, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

Edits = tuple[Change, ...]
_MAKING_FLOATS = ("ToTensor", "ConvertImageDtype", "ToDtype")


def standardised(program: Program, extent: Extent) -> tuple[Edits, Edits]:
    """A fix where the right code can be written, and what the experiment compares with."""
    node = extent.node
    if extent.of_pictures and isinstance(node, Binary) and extent.columns[0].high <= 10:
        return (), (replace(node, f"(({text_of(node)}) * 2 - 1)"),)  # pixels from 0 to 1
    if not isinstance(node, Call):
        return (), ()
    if not extent.of_pictures:
        return (), (
            replace(node, f"(lambda table: (table - table.mean(0)) / table.std(0))({text_of(node)})"),
        )
    step = next((s for s in _steps(program) if s.node is not None and s.node.cst is node.cst), None)
    if step is None:
        scaled = (
            f"({text_of(node)} / 127.5 - 1)" if extent.columns[0].high > 10 else f"({text_of(node)} * 2 - 1)"
        )
        return (replace(node, scaled),), ()
    return _in_pipelines(program), _around(step, node)


def _steps(program: Program) -> list[Step]:
    return [
        Step(made)
        for made in program.instances
        if isinstance(made.cls, External) and made.cls.name.startswith(VISION)
    ]


def _in_pipelines(program: Program) -> Edits:
    """`Normalize` behind what makes floats, in each pipeline of torchvision's that has none: training and evaluation alike."""
    found: dict[int, list[Change]] = {}
    inside = {id(v) for made in program.instances for v in _items(made)}
    for made in program.instances:
        if not isinstance(made.cls, External) or not made.cls.name.startswith(VISION) or id(made) in inside:
            continue
        scale = scale_of([made]) if is_known(made) else None
        last = next((s for s in reversed([*steps(made)]) if s.name in _MAKING_FLOATS), None)
        if scale is None or scale.normalise is not None or last is None or last.node is None:
            continue
        found.setdefault(id(last.node.cst), _normalising(last, last.node, last.value is made))
    return tuple(change for changes in found.values() for change in changes) if all(found.values()) else ()


def _items(made: Instance) -> list[object]:
    if not isinstance(made.cls, External) or made.cls.name.rpartition(".")[2] not in COMPOSING:
        return []
    listed = one(made.arguments[0]) if made.arguments else None
    return [one(item) for item in listed.items] if isinstance(listed, Sequence) else []


def _normalising(step: Step, node: Node, alone: bool) -> list[Change]:
    if not isinstance(node, Call):
        return []
    prefix = text_of(node.function).removesuffix(step.name)
    if not prefix.endswith("."):
        return []  # `Normalize` would have to be imported
    normalise = f"{prefix}Normalize((0.5,), (0.5,))"
    if alone:
        return [replace(node, f"{prefix}Compose([{text_of(node)}, {normalise}])")]
    scaled = (
        [set_argument(node, "scale", "True")] if step.name == "ToDtype" and len(node.arguments) == 1 else []
    )
    return [*scaled, append_text(node, f", {normalise}")]


def _around(step: Step, node: Node) -> Edits:
    divided = "/ 127.5 - 1" if step.name == "ToDtype" else "* 2 - 1"
    return (replace(node, f"(lambda image: {text_of(node)}(image) {divided})"),)
