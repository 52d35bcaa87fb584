"""A finding as an experiment: both programs, what they leave free, and the places that matter."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trainlint.diagnostic import Diagnostic, Edit
from trainlint.edits import apply_edits, without_overlaps
from trainlint.rule import Needs
from trainlint.verify.batches import batch_form
from trainlint.verify.cut import Cut, NotCut, Span, cut
from trainlint.verify.free import free_names
from trainlint.verify.roles import find_roles


@dataclass(frozen=True, slots=True)
class Case:
    """One arm of an experiment: a program that can travel as JSON. `home` is the script's own folder."""

    program: str
    path: str
    focus: tuple[Span, ...]
    spots: tuple[Span, ...] = ()
    guards: tuple[str, ...] = ()
    free: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # free names without a role
    batch: Mapping[str, object] = field(default_factory=dict)
    home: str = ""

    def request(self, needs: Needs, seed: int, choices: Mapping[str, object]) -> dict[str, object]:
        """What the sandbox is asked to run."""
        return {
            "program": self.program,
            "path": self.path,
            "focus": [list(span) for span in self.focus],
            "spots": [list(span) for span in self.spots],
            "wanted": list(self.guards),
            "free": dict(self.free),
            "batch": dict(self.batch),
            "home": self.home,
            "readable": [self.home] if self.home else [],
            "seed": seed,
            "steps": needs.steps,
            "epochs": needs.epochs,
            "targets": needs.targets,
            "data": needs.data,
            "checkpoints": needs.checkpoints,
            "batches": needs.batches,
            "choices": dict(choices),
        }


def make_cases(diagnostic: Diagnostic, text: str, home: str = "") -> tuple[Case, Case | None]:
    """The finding's program as written and its control, None where no edit makes one. Raises NotCut."""
    where = diagnostic.where
    also = [because.where for because in diagnostic.because if because.where.path == where.path]
    spans = [(where.start, where.end)], [(place.start, place.end) for place in also]
    change = diagnostic.fix if diagnostic.control is None else diagnostic.control
    edits = without_overlaps(change.edits) if change is not None else ()
    if any(edit.where.path != where.path for edit in edits):
        raise NotCut("its control changes another file")
    touched = [(edit.where.start, edit.where.end) for edit in edits]
    written = make_case(cut(text, spans[0], [*spans[1], *touched]), where.path, home)
    if not edits:
        return written, None
    moved = [[_moved(span, edits) for span in group] for group in spans]
    grown = [_grown(edit, edits) for edit in edits]
    return written, make_case(cut(apply_edits(text, edits), moved[0], [*moved[1], *grown]), where.path, home)


def make_case(piece: Cut, path: str, home: str = "") -> Case:
    tree = ast.parse(piece.text)
    free = free_names(tree)
    roles = find_roles(tree, free)
    missing = tuple(sorted(free - roles.keys()))
    return Case(
        piece.text, path, piece.focus, piece.spots, piece.guards, roles, missing, batch_form(tree), home
    )


def _moved(span: Span, edits: Sequence[Edit]) -> Span:
    """Where a range lies after the edits before it and in it."""
    start, end = span
    for edit in edits:
        if edit.where.start <= start and end <= edit.where.end and edit.where.start < edit.where.end:
            return _grown(edit, edits)
    before = inside = 0
    for edit in edits:
        gained = len(edit.text) - (edit.where.end - edit.where.start)
        if edit.where.end <= start:
            before += gained
        elif edit.where.start < end:
            inside += gained
    return start + before, max(start + before, end + before + inside)


def _grown(edit: Edit, edits: Iterable[Edit]) -> Span:
    """The range that an edit's own text fills afterwards."""
    before = sum(
        len(other.text) - (other.where.end - other.where.start)
        for other in edits
        if other.where.start < edit.where.start
    )
    start = edit.where.start + before
    return start, start + len(edit.text)
