"""Recurrent networks and stacks of transformer layers whose gradients nothing bounds before the step uses them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import layers, named
from trainlint.meaning.architectures import is_other_field, takes_derivatives
from trainlint.meaning.blocks import transformer_layers
from trainlint.meaning.courses import Course
from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.facts.layers import RECURRENT
from trainlint.meaning.lightning import Fitted
from trainlint.meaning.place import Change, insert_before, qualified_name, set_argument, text_of
from trainlint.meaning.schedules import iterations
from trainlint.meaning.syntax import Attribute, Call, Node
from trainlint.meaning.updates import stepped_node
from trainlint.meaning.values import External, Instance, Result, Sequence, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_BOUNDING = (  # other ways to look at, or to bound, gradients
    "register_hook", "register_post_accumulate_grad_hook", "register_full_backward_hook", "clamp_", "GradientClipping",
    "Accelerator", "deepspeed", "DeepSpeedEngine", "ClipGradByNorm", "autoclip", "AutoClip", "AGC", "ZClip",
)  # fmt: skip
_BY_THE_GRADIENT = (
    frozenset(  # of torch: how far they step depends on how long a gradient is, at least for a while
        "SGD ASGD Adam AdamW Adamax NAdam RAdam RMSprop Adagrad Adadelta SparseAdam".split()
    )
)
_FEWEST_STEPS = 20


@dataclass(frozen=True, eq=False)
class Unclipped:
    """A course of a network that is trained from new weights, with gradients as they come."""

    course: Course
    recurrent: tuple[str, ...]  # kinds of its recurrent layers
    blocks: int  # transformer layers

    @property
    def node(self) -> Node:
        return self.course.node

    @property
    def clipped(self) -> list[Change]:
        """The edit that clips right before the step, of a scaler behind `unscale_`."""
        step, detail = self.course.step, self.course.step.detail
        if isinstance(detail, Fitted):
            made = detail.trainer.node if detail.trainer is not None else None
            return [set_argument(made, "gradient_clip_val", "1.0")] if made is not None else []
        clip = self._clip
        if self.course.update is None or not clip or not isinstance(detail, tuple):
            return []
        line = insert_before(step.node, f"{clip}({self._weights}, 1.0)")
        if detail[0] == "plain":
            return [line]
        call = step.node
        if detail[0] != "scaler" or not isinstance(call, Call) or not isinstance(call.function, Attribute):
            return []
        if self.course.program.uses("unscale_"):
            return []
        held = text_of(stepped_node(step))
        return [insert_before(call, f"{text_of(call.function.value)}.unscale_({held})"), line]

    @property
    def _clip(self) -> str:
        """`torch.nn.utils.clip_grad_norm_`, by a name that the file of the step has."""
        scope = self.course.step.node.unit.scope
        for name, home in (("torch", "torch"), ("nn", "torch.nn")):
            found = scope.names.get(name) if scope is not None else None
            if isinstance(found, External) and found.name == home:
                return f"{name}.{'nn.' if name == 'torch' else ''}utils.clip_grad_norm_"
        return ""

    @property
    def _weights(self) -> str:
        """What the optimizer was given, where the step can say the same; else what the optimizer holds."""
        made, step = self.course.node, self.course.step.node
        given = made.arguments[0].value if isinstance(made, Call) and made.arguments else None
        written = text_of(given) if given is not None else ""
        near = made.unit is step.unit and qualified_name(made) == qualified_name(step)
        if near and written.endswith(".parameters()"):
            return written
        held = text_of(stepped_node(self.course.step))
        return f"[p for group in {held}.param_groups for p in group['params']]"


def unclipped(program: Program) -> Iterator[Unclipped]:
    """The courses, of several that take turns in one loop the first."""
    if not program.courses or is_other_field(program) or takes_derivatives(program) or _bounds(program):
        return
    if any(constant(event.value) is not True for event in program.events("requires_grad") if event.value):
        return  # which layers learn is another question
    said: set[int] = set()
    for course in program.courses:
        loop = id(course.loops[0]) if course.loops else id(course)
        if loop in said or not _learns_as_it_comes(course):
            continue
        blocks = max((transformer_layers(program, network) for network in course.networks), default=0)
        found = Unclipped(course, _recurrent(course.networks), blocks)
        if (found.recurrent or found.blocks) and not _is_fed_by_hand(course):
            said.add(loop)
            yield found


def _learns_as_it_comes(course: Course) -> bool:
    if course.kind not in _BY_THE_GRADIENT or course.clips or course.is_one_step or course.is_pretrained:
        return False
    if isinstance(course.step.detail, Fitted) and _is_open(course.step.detail.trainer):
        return False
    return not course.is_private_or_shared and not _is_short(course)


def _is_open(trainer: Instance | None) -> bool:
    return trainer is None or "**" in trainer.keywords


def _is_short(course: Course) -> bool:
    """Whether it is a trial of a few steps."""
    turns = [iterations(loop) for loop in course.loops]
    known = [turn[0] for turn in turns if turn is not None]
    return bool(turns) and len(known) == len(turns) and prod(known) < _FEWEST_STEPS


def _is_fed_by_hand(course: Course) -> bool:
    """Whether a network gets numbers that stand in the text: "hello" as five lists."""
    return any(
        isinstance(value, Result) and operation(value) in _MAKING and _is_written(value)
        for event in course.program.events("forward")
        if any(event.target is network for network in course.networks)
        for given in event.inputs
        for value in walk(given, limit=40)
    )


def _is_written(made: Result) -> bool:
    listed = one(made.arguments[0]) if made.arguments else None
    return isinstance(listed, Sequence) and bool(listed.items) and listed.element is None and not listed.open


_MAKING = frozenset("tensor Tensor LongTensor FloatTensor as_tensor".split())


def _recurrent(networks: list[Instance]) -> tuple[str, ...]:
    kinds = {named(layer) for network in networks for layer in layers(network)}
    return tuple(sorted(kinds & RECURRENT))


def _bounds(program: Program) -> bool:
    """Whether gradients are changed by hand, or a name says that something clips them."""
    if program.events("grad_write", "rescale") or program.uses(*_BOUNDING):
        return True
    words = {word.lower() for unit in program.units for word in unit.code_words}
    words |= {keyword.lower() for made in program.instances for keyword in made.keywords}
    return any(
        ("clip" in word and ("grad" in word or "norm" in word)) or "grad_norm" in word for word in words
    )
