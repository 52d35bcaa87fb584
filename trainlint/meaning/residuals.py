"""Blocks of the project's own around an attention that normalise behind their residual sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.architecture import named
from trainlint.meaning.dataflow import operation, walk
from trainlint.meaning.modules import held, parts
from trainlint.meaning.turns import turns_of_making
from trainlint.meaning.values import Class, Instance, Result, Value, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_NORMS = ("LayerNorm", "RMSNorm")
_WEIGHING = ("softmax", "scaled_dot_product_attention")


def post_norm_blocks(program: Program, network: Instance) -> int:
    """How many such blocks a network stacks, at least: a loop that makes them makes one in each turn."""
    count = 0.0
    for block in parts(network):
        if not isinstance(block, Instance) or not isinstance(block.cls, Class):
            continue
        norms = {id(part): part for _, part in held(block) if named(part) in _NORMS}
        value = program.reading.applied(block) if norms else None
        if value is not None:
            behind = [v for v in walk(value, limit=400) if isinstance(v, Result)]
            found = [norms[id(v.callee)] for v in behind if id(v.callee) in norms and _is_behind_sum(v)]
            count += max(
                (turns_of_making(norm, network, None)[0] for norm in found if isinstance(norm, Instance)),
                default=0.0,
            )
    return int(count)


def _is_behind_sum(normalised: Result) -> bool:
    """`norm(x + attention(x))`, where no other normalisation stands before the attention."""
    added = one(normalised.arguments[0]) if normalised.arguments else None
    if not isinstance(added, Result) or operation(added) != "operator.+" or len(added.arguments) != 2:
        return False
    first, second = added.arguments
    return _goes_round(first, second) or _goes_round(second, first)


def _goes_round(skip: Value, branch: Value) -> bool:
    """Whether a branch comes from what goes past it, through an attention and no normalisation."""
    ends = one(skip)
    behind = list(walk(branch, lambda v: one(v) is not ends and not _is_norm(v), limit=200))
    if not any(one(v) is ends for v in behind) or any(map(_is_norm, behind)):
        return False
    return any(_attends(v) for v in behind)


def _is_norm(value: Value) -> bool:
    return isinstance(value, Result) and (
        named(one(value.callee)) in _NORMS or operation(value) == "layer_norm"
    )


def _attends(value: Value) -> bool:
    if not isinstance(value, Result):
        return False
    return named(one(value.callee)) == "MultiheadAttention" or operation(value) in _WEIGHING
