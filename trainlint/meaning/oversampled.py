"""Rows that were repeated before they were divided: some are on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.changed_copies import changed_copies
from trainlint.meaning.facts.tables import RESAMPLING
from trainlint.meaning.oversampling import COPIES
from trainlint.meaning.place import Change, insert_after, replace, text_of
from trainlint.meaning.syntax import Attribute, Call
from trainlint.meaning.train_only import assignment_of, parts_by_name
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.program import Program
    from trainlint.meaning.shaped import Fit
    from trainlint.meaning.splits import Split


@dataclass(frozen=True, slots=True, eq=False)
class Oversampled:
    """A call that repeats rows, or mixes new ones of them, and the split that comes after it."""

    fit: Fit
    split: Split
    is_certain: bool  # not within the training part of another split, whose test part stays clean

    @property
    def alone(self) -> list[Change]:
        """For experiments: each row once, as it was given."""
        call = self.fit.node
        if not isinstance(call, Call):
            return []
        if isinstance(call.function, Attribute) and call.function.name == "sample":
            return [replace(call, text_of(call.function.value))]
        if self.fit.rows == frozenset():
            return []
        given = _given(call)
        return (
            [replace(call, ", ".join(given) if len(given) < 2 else f"({', '.join(given)})")] if given else []
        )

    @property
    def edits(self) -> list[Change]:
        """Edits that repeat rows of the training part alone, where a sampler and both parts have names."""
        call, split = self.fit.node, self.split.node
        if (
            not isinstance(call, Call)
            or not isinstance(call.function, Attribute)
            or not isinstance(split, Call)
        ):
            return []
        divided, names, given = assignment_of(split), parts_by_name(split), _given(call)
        if call.function.name not in RESAMPLING or divided is None or call.unit is not split.unit:
            return []
        if len(names) != 4 or len(given) != 2 or self.split.call is None or self.split.inside:
            return []
        train = f"{names[0]}, {names[2]}"
        made = f"{train} = {text_of(call.function)}({train})"
        return [replace(call, ", ".join(given)), insert_after(divided, made)]


def oversampled(program: Program) -> list[Oversampled]:
    """One for each call."""
    found: dict[object, Oversampled] = {}
    for leak in program.row_leaks:
        if leak.fit.kind == COPIES:
            found.setdefault(leak.fit.node.cst, Oversampled(leak.fit, leak.split, leak.is_certain))
    for fit, split, is_certain in changed_copies(program):
        found.setdefault(fit.node.cst, Oversampled(fit, split, is_certain))
    return list(found.values())


def _given(call: Call) -> list[str]:
    """The tables that a call is given, as they are written."""
    given = [a for a in call.arguments if a.keyword in (None, "X", "y")]
    return [] if any(a.star for a in given) else [text_of(a.value) for a in given]
