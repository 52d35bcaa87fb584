"""Recurrent networks whose gradients nothing bounds before the step uses them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import layers, named
from trainlint.meaning.architectures import is_other_field, takes_derivatives
from trainlint.meaning.courses import Course
from trainlint.meaning.place import Change, insert_before, text_of
from trainlint.meaning.syntax import Node
from trainlint.meaning.updates import stepped_node
from trainlint.meaning.values import External
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_RECURRENT = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
_BOUNDING = (  # other ways to look at, or to bound, gradients
    "register_hook", "register_post_accumulate_grad_hook", "register_full_backward_hook", "clamp_", "GradientClipping",
    "Accelerator", "deepspeed", "DeepSpeedEngine", "ClipGradByNorm", "autoclip", "AutoClip", "AGC",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Unclipped:
    """A course of a recurrent network that is trained from new weights, with gradients as they come."""

    course: Course
    kinds: tuple[str, ...]  # of its recurrent layers

    @property
    def node(self) -> Node:
        return self.course.node

    @property
    def clipped(self) -> list[Change]:
        """The edit that clips right before a plain step."""
        step = self.course.step
        scope = step.node.unit.scope
        if self.course.update is None or scope is None or not isinstance(scope.names.get("torch"), External):
            return []
        if isinstance(step.detail, tuple) and step.detail[0] != "plain":
            return []  # of a scaler, whose gradients are longer than they will be
        held = text_of(stepped_node(step))
        weights = f"[p for group in {held}.param_groups for p in group['params']]"
        return [insert_before(step.node, f"torch.nn.utils.clip_grad_norm_({weights}, 1.0)")]


def unclipped(program: Program) -> Iterator[Unclipped]:
    if is_other_field(program) or takes_derivatives(program) or _bounds(program):
        return
    for course in program.courses:
        if course.clips or course.is_one_step or course.is_pretrained or course.is_private_or_shared:
            continue
        kinds = {named(layer) for network in course.networks for layer in layers(network)}
        found = tuple(sorted(kinds.intersection(_RECURRENT)))
        if found:
            yield Unclipped(course, found)


def _bounds(program: Program) -> bool:
    """Whether gradients are changed by hand, or a name says that something clips them."""
    if program.events("grad_write") or program.uses(*_BOUNDING):
        return True
    words = {word.lower() for unit in program.units for word in program.words(unit)}
    return any("clip" in word and ("grad" in word or "norm" in word) for word in words)
