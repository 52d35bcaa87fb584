"""Clips in the step of a framework that goes backward on what the step returns: there are no gradients yet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.own_clips import OWN
from trainlint.meaning.place import text_of
from trainlint.meaning.syntax import Call
from trainlint.meaning.trace import Event
from trainlint.meaning.values import constant

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_BY_HAND = frozenset("backward step zero_grad unscale closure".split())


def clips_before_return(program: Program) -> Iterator[tuple[Event, Event]]:
    """Clips in steps that leave the backward pass to the framework, each with that backward pass."""
    for backward in program.backwards:
        if backward.detail != RETURNED or backward.loop is None:
            continue
        around = backward.loop.events()
        if any(e is not backward and e.kind in _BY_HAND for e in around):
            continue  # the step goes backward itself, whatever the framework would do
        for clip in around:
            if clip.kind == "clip" and clip.detail in (None, OWN) and _bounds(clip):
                yield clip, backward


def _bounds(clip: Event) -> bool:
    """Whether a clip is to bound anything: with no bound, or a huge one, it only measures."""
    given = clip.node.arguments if isinstance(clip.node, Call) else ()
    written = next((a.value for n, a in enumerate(given) if a.keyword in _BOUNDS or n == 1), None)
    if written is None or "inf" in text_of(written):
        return False
    known = constant(clip.inputs[1]) if len(clip.inputs) > 1 and clip.detail is None else None
    return not isinstance(known, (int, float)) or (math.isfinite(known) and known < _HUGE)


_BOUNDS = ("max_norm", "clip_value")
_HUGE = 1e3
