"""A finding as an experiment: both programs, what they leave free, and the places that matter."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainlint.diagnostic import Diagnostic, Edit, Fix
from trainlint.edits import apply_edits, without_overlaps
from trainlint.meaning.raw_tables import extent_by_name
from trainlint.rule import Needs
from trainlint.verify.batches import batch_form
from trainlint.verify.cut import Cut, Extent, NotCut, cut
from trainlint.verify.free import free_names
from trainlint.verify.lines import Span, network_at
from trainlint.verify.place import NOWHERE, Home, home_of
from trainlint.verify.roles import find_roles, patterns, unpacked, words_of
from trainlint.verify.starts import Start

LONGEST_NAME = 60  # of a column
Read = Callable[[str], tuple[str, str]]  # a diagnostic's path: the file's full path and text


@dataclass(frozen=True, slots=True)
class Case:
    """One arm of an experiment: a program that can travel as JSON."""

    program: str
    path: str
    focus: tuple[Span, ...]
    spots: tuple[Span, ...] = ()
    guards: tuple[str, ...] = ()
    rests: tuple[Span, ...] = ()  # what the finding rests on, in the same file
    free: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # free names without a role
    batch: Mapping[str, object] = field(default_factory=dict)
    home: Home = NOWHERE
    overlay: Mapping[str, str] = field(default_factory=dict)  # texts of other files that this arm changes
    unpacked: Mapping[str, int] = field(default_factory=dict)  # what is called, and how many values it gives
    owners: tuple[
        tuple[str, str], ...
    ] = ()  # files and names of the networks that finding and control lie in
    bare: bool = False  # all that the loop computes may fail and be made up
    words: Mapping[str, str] = field(default_factory=dict)  # roles by name alone, for what cannot be made

    def request(self, needs: Needs, seed: int, choices: Mapping[str, object]) -> dict[str, object]:
        """What the sandbox is asked to run."""
        return {
            "program": self.program,
            "path": self.path,
            "focus": [list(span) for span in self.focus],
            "spots": [list(span) for span in self.spots],
            "rests": [list(span) for span in self.rests],
            "wanted": list(self.guards),
            "free": dict(self.free),
            "missing": list(self.missing),
            "batch": dict(self.batch),
            "words": dict(self.words),
            "patterns": patterns() if self.words else {},
            "unpacked": dict(self.unpacked),
            "owners": [list(owner) for owner in self.owners],
            "order": needs.order,
            "network": needs.network,
            "extents": extents_of(self.program) if needs.data == "as-named" else {},
            "bare": ("loop" if needs.order else "flow") if self.bare else "",
            "overlay": dict(self.overlay),
            **self.home.request(),
            "seed": seed,
            "steps": needs.steps,
            "epochs": needs.epochs,
            "targets": needs.targets,
            "criterion": needs.criterion,
            "data": needs.data,
            "checkpoints": needs.checkpoints,
            "batches": needs.batches,
            "choices": dict(choices),
        }


def make_cases(
    diagnostic: Diagnostic,
    text: str,
    home: Home = NOWHERE,
    extent: Extent = "program",
    read: Read | None = None,
) -> tuple[Case, Case | None]:
    """The finding's program as written and its control, None where no edit makes one. Raises NotCut."""
    change = diagnostic.fix if diagnostic.control is None else diagnostic.control
    edits = _here(diagnostic, change)
    also = [(edit.where.start, edit.where.end) for edit in edits]
    control = make_changed(diagnostic, _and(change, diagnostic.beside), text, home, extent, read)
    changed = make_changed(diagnostic, diagnostic.beside, text, home, extent, read)
    if changed is not None:
        return changed, control if change is not None else None
    where, rests = _places(diagnostic)
    written = make_case(cut(text, [where], [*rests, *also], extent), diagnostic.where.path, home, len(rests))
    return replace(written, owners=tuple(_owners(diagnostic, text, read))), control


def make_planted(
    diagnostic: Diagnostic, text: str, home: Home, extent: Extent, read: Read | None
) -> Case | None:
    """The same with the defect planted; None where no edit does that. Raises NotCut."""
    if diagnostic.plant is None:
        return None
    return make_changed(diagnostic, _and(diagnostic.plant, diagnostic.beside), text, home, extent, read)


def _and(change: Fix | None, beside: Fix | None) -> Fix | None:
    """A change together with what is changed in all programs, as far as the two do not meet."""
    if change is None or beside is None:
        return change
    own = [edit.where for edit in change.edits]
    others = [
        edit
        for edit in beside.edits
        if not any(
            edit.where.path == where.path and edit.where.start <= where.end and where.start <= edit.where.end
            for where in own
        )
    ]
    return replace(change, edits=(*change.edits, *others))


def make_started(diagnostic: Diagnostic, start: Start, home: Home, read: Read) -> tuple[Case, Case | None]:
    """The same of a script that runs the flagged file; the files that it imports are changed, or it is. Raises NotCut."""
    change = diagnostic.fix if diagnostic.control is None else diagnostic.control
    edits = without_overlaps(change.edits) if change is not None else ()
    own = tuple(edit for edit in edits if read(edit.where.path)[0] == start.file)
    place = replace(home_of(Path(start.file), start.text, (Path(home.root),)), root=home.root)
    also = [(edit.where.start, edit.where.end) for edit in own]
    written = make_case(cut(start.text, start.calls, also), start.file, place)
    flagged, text = read(diagnostic.where.path)
    owners = [
        (file if file != diagnostic.where.path else flagged, name)
        for file, name in _owners(diagnostic, text, read)
    ]
    written = replace(written, owners=tuple(owners))
    if not edits:
        return written, None
    overlay = dict(_overlay([edit for edit in edits if edit not in own], read))
    if not own:
        return written, replace(written, overlay=overlay)
    calls = [_moved(span, own, start.text) for span in start.calls]
    changed = cut(apply_edits(start.text, own), calls, [_grown(edit, own) for edit in own])
    return written, replace(make_case(changed, start.file, place), overlay=overlay, owners=tuple(owners))


def extents_of(program: str) -> dict[str, list[float]]:
    """Between which numbers the columns lie that a program names, as far as their names tell."""
    said = frozenset(
        node.value
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    found = {name: extent_by_name(name, said) for name in said if len(name) < LONGEST_NAME}
    return {name: list(extent) for name, extent in sorted(found.items()) if extent is not None}


def is_changed_elsewhere(diagnostic: Diagnostic) -> bool:
    """Whether its control changes other files alone, as where a caller has to run it under `no_grad`."""
    change = diagnostic.fix if diagnostic.control is None else diagnostic.control
    return change is not None and bool(change.edits) and not _here(diagnostic, change)


def make_changed(
    diagnostic: Diagnostic,
    change: Fix | None,
    text: str,
    home: Home = NOWHERE,
    extent: Extent = "program",
    read: Read | None = None,
) -> Case | None:
    """The finding's program with some edits; None where there are none. Raises NotCut."""
    path = diagnostic.where.path
    edits = _here(diagnostic, change)
    elsewhere = [edit for edit in change.edits if edit.where.path != path] if change is not None else []
    if elsewhere and (read is None or extent == "statement"):
        raise NotCut("its control changes another file")
    if not edits and not elsewhere:
        return None
    where, rests = _places(diagnostic)
    moved = [_moved(span, edits, text) for span in rests]
    grown = [_grown(edit, edits) for edit in edits]
    changed = cut(apply_edits(text, edits), [_moved(where, edits, text)], [*moved, *grown], extent)
    case = make_case(changed, path, home, len(moved))
    overlay = dict(_overlay(elsewhere, read)) if read is not None else {}
    return replace(case, overlay=overlay, owners=tuple(_owners(diagnostic, text, read)))


def _here(diagnostic: Diagnostic, change: Fix | None) -> tuple[Edit, ...]:
    """The edits of the file that the finding is in, in the order of its text."""
    edits = without_overlaps(change.edits) if change is not None else ()
    return tuple(edit for edit in edits if edit.where.path == diagnostic.where.path)


def _places(diagnostic: Diagnostic) -> tuple[Span, list[Span]]:
    """Where the finding is, and what it rests on in the same file."""
    where = diagnostic.where
    also = [because.where for because in diagnostic.because if because.where.path == where.path]
    return (where.start, where.end), [(place.start, place.end) for place in also]


def _owners(diagnostic: Diagnostic, text: str, read: Read | None) -> Iterator[tuple[str, str]]:
    """The networks that hold the finding, what it rests on, or its control; of other files where these can be read."""
    change = diagnostic.fix if diagnostic.control is None else diagnostic.control
    places = [*(edit.where for edit in (change.edits if change is not None else ()))]
    places += [*(because.where for because in diagnostic.because), diagnostic.where]
    for place in places:
        here = place.path == diagnostic.where.path
        if not here and read is None:
            continue
        file, program = (place.path, text) if here or read is None else read(place.path)
        name = network_at(program, place.line)
        if name:
            yield file, name


def _overlay(edits: Sequence[Edit], read: Read) -> Iterator[tuple[str, str]]:
    """Other files as the control has them: full path and text."""
    for path in dict.fromkeys(edit.where.path for edit in edits):
        file, text = read(path)
        yield file, apply_edits(text, [edit for edit in edits if edit.where.path == path])


def make_case(piece: Cut, path: str, home: Home = NOWHERE, rests: int = 0) -> Case:
    """A case of a program; `rests` of the places after its spots are what the finding rests on."""
    tree = ast.parse(piece.text)
    free = free_names(tree)
    roles = find_roles(tree, free)
    missing = tuple(sorted(free - roles.keys()))
    return Case(
        piece.text,
        path,
        piece.focus,
        piece.spots,
        piece.guards,
        piece.focus[len(piece.spots) : len(piece.spots) + rests],
        roles,
        missing,
        batch_form(tree, piece.spots),
        home,
        unpacked=unpacked(tree),
        words=words_of(tree) if home.root else {},
    )


def _moved(span: Span, edits: Sequence[Edit], text: str) -> Span:
    """Where a range lies after the edits before it and in it."""
    start, end = span
    for edit in edits:
        if edit.where.start <= start and end <= edit.where.end and edit.where.start < edit.where.end:
            return _kept_inside(span, edit, edits, text) or _grown(edit, edits)
    before = inside = 0
    for edit in edits:
        gained = len(edit.text) - (edit.where.end - edit.where.start)
        if edit.where.end <= start:
            before += gained
        elif edit.where.start < end:
            inside += gained
    return start + before, max(start + before, end + before + inside)


def _kept_inside(span: Span, edit: Edit, edits: Sequence[Edit], text: str) -> Span | None:
    """Where an edit that only moves a range to the right has it: a loop is put into a `with`, say."""
    said = text[span[0] : span[1]].partition("\n")[0].strip()
    before = text[edit.where.start : span[0]]
    if "\n" not in before.strip() or not said:
        return None
    place = -1
    for _ in range(before.count(said) + 1):
        place = edit.text.find(said, place + 1)
        if place < 0:
            return None
    start = _grown(edit, edits)[0] + place
    return start, start + len(said)


def _grown(edit: Edit, edits: Iterable[Edit]) -> Span:
    """The range that an edit's own text fills afterwards."""
    before = sum(
        len(other.text) - (other.where.end - other.where.start)
        for other in edits
        if other.where.start < edit.where.start
    )
    start = edit.where.start + before
    return start, start + len(edit.text)
