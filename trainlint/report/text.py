"""For people and for the error formats of editors: a line per finding, then what lies behind it.

train.py:31:9: error[loss-retains-graph] `running += loss` keeps every step's graph alive
  31 |         running += loss
     |         ^^^^^^^^^^^^^^^
     = because train.py:28:16: the loss is computed here
  28 |         loss = criterion(model(x), y)
     |                ----------------------
     = help [*]: add its number: `running += loss.item()`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.report.characters import escape_harmful, one_line
from trainlint.report.counts import Counts, count, how_many
from trainlint.report.excerpt import Row, excerpt
from trainlint.report.view import failure_place, place

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Failure, Location, Report
    from trainlint.report.view import View

_COLORS = {
    "error": "1;31",
    "warning": "1;33",
    "advice": "1;36",
    "place": "1",
    "gutter": "34",
    "help": "36",
    "confirmed": "1;31",
    "refuted": "32",
    "inconclusive": "33",
    "clean": "32",
}
_INDENT = "  "


def render(report: Report, view: View) -> str:
    """Findings in their order, failures after them, a summary at the end."""
    findings = [piece(said, view, first=not number) for number, said in enumerate(report.diagnostics)]
    return "".join((*findings, end(report, view, first=not findings)))


def piece(diagnostic: Diagnostic, view: View, first: bool) -> str:
    """One finding; `first` where nothing was told before it."""
    return _block(_finding(diagnostic, view), view, first)


def end(report: Report, view: View, first: bool) -> str:
    """What follows the findings."""
    failures = [_failure(failure, view) for failure in report.failures]
    summary = [] if view.quiet else list(_summary(count(report), view))
    blocks = [block for block in (failures, summary) if block]
    return "".join(_block(block, view, first and not number) for number, block in enumerate(blocks))


def _block(lines: list[str], view: View, first: bool) -> str:
    return ("" if first or view.quiet else "\n") + "".join(f"{line}\n" for line in lines)


def _finding(diagnostic: Diagnostic, view: View) -> list[str]:
    level = _paint(f"{diagnostic.level}[{diagnostic.name}]", diagnostic.level, view)
    where = _paint(escape_harmful(place(diagnostic.where)), "place", view)
    first = f"{where}: {level} {one_line(diagnostic.message)}"
    return [first] if view.quiet else [first, *_behind(diagnostic, view)]


def _behind(diagnostic: Diagnostic, view: View) -> Iterator[str]:
    places = (diagnostic.where, *(because.where for because in diagnostic.because))
    gutter = len(str(max(where.end_line for where in places)))
    yield from _excerpt(diagnostic.where, "^", diagnostic.level, gutter, view)
    for because in diagnostic.because:
        where = escape_harmful(place(because.where))
        yield _note(f"because {where}: {one_line(because.message)}", "", gutter, view)
        yield from _excerpt(because.where, "-", "gutter", gutter, view)
    if diagnostic.fix:
        mark = " [*]" if diagnostic.fix.applicability == "safe" else ""
        asked = "" if mark else " (with --unsafe-fixes)"
        yield _note(f"help{mark}: {one_line(diagnostic.fix.title)}{asked}", "help", gutter, view)
    if verdict := diagnostic.verdict:
        measured = ", ".join(filter(None, (verdict.device, f"{verdict.seconds:.1f} s")))
        state = f"{verdict.state} earlier" if verdict.earlier else verdict.state
        words = one_line(f"{state}: {verdict.evidence or verdict.reason} ({measured})")
        yield _note(words, verdict.state, gutter, view)


def _excerpt(where: Location, mark: str, color: str, gutter: int, view: View) -> Iterator[str]:
    source = view.text_of(where.path)
    room = view.width - gutter - len(_INDENT) - 3
    for row in excerpt(source.written, where, room) if source else ():
        yield from _row(row, mark, color, gutter, view)


def _row(row: Row, mark: str, color: str, gutter: int, view: View) -> Iterator[str]:
    number = f"{'' if row.number is None else row.number:>{gutter}} |"
    yield f"{_INDENT}{_paint(number, 'gutter', view)} {row.text}".rstrip()
    if row.mark_width:
        bar = _paint(f"{'':>{gutter}} |", "gutter", view)
        yield f"{_INDENT}{bar} {' ' * row.mark_from}{_paint(mark * row.mark_width, color, view)}"


def _note(words: str, color: str, gutter: int, view: View) -> str:
    sign = _paint(f"{'':>{gutter}} =", "gutter", view)
    return f"{_INDENT}{sign} {_paint(words, color, view)}"


def _failure(failure: Failure, view: View) -> str:
    where = _paint(escape_harmful(failure_place(failure)), "place", view)
    return f"{where}: {_paint(f'error[{failure.kind}]', 'error', view)} {one_line(failure.message)}"


def _summary(counts: Counts, view: View) -> Iterator[str]:
    if counts.findings:
        yield f"Found {counts.by_level} in {how_many(counts.files, 'file')}{_fixable(counts)}."
    elif not counts.failures:
        yield _paint(f"No findings in {how_many(counts.files, 'file')}.", "clean", view)
    if counts.failures:
        yield _paint(
            f"{how_many(counts.failures, 'failure')}: not everything could be checked.", "error", view
        )
    if counts.hidden:
        yield f"Not shown: {counts.hidden}."
    if counts.stale:
        yield f"The baseline has {how_many(counts.stale, 'entry')} that nothing matches any more."
    if counts.verdicts:
        yield f"Executed: {counts.verdicts}{f'; {counts.earlier} of them earlier' if counts.earlier else ''}."


def _fixable(counts: Counts) -> str:
    kinds = []
    if counts.fixable:
        kinds.append(f"{counts.fixable} fixable with --fix")
    if counts.unsafe:
        more = " more" if counts.fixable else " fixable"
        kinds.append(f"{counts.unsafe}{more} with --fix --unsafe-fixes")
    return f"; {', '.join(kinds)}" if kinds else ""


def _paint(text: str, color: str, view: View) -> str:
    code = _COLORS.get(color)
    return f"\x1b[{code}m{text}\x1b[0m" if view.color and code and text else text
