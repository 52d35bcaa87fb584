"""For people who read away from the terminal: one HTML file that needs nothing else, no network and no script.

Everything that comes from files, messages or programs is escaped, and a content policy forbids the page to
load or run anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from trainlint import __version__
from trainlint.report.characters import in_html, width, without_illegal
from trainlint.report.counts import STATES, count, how_many
from trainlint.report.excerpt import Row, excerpt
from trainlint.report.measured import measured
from trainlint.report.view import failure_place, place

if TYPE_CHECKING:
    from trainlint.diagnostic import Diagnostic, Failure, Location, Report
    from trainlint.report.view import View

NOT_RUN = "not-run"
SIGNS = {
    "confirmed": "✔ confirmed",
    "refuted": "✘ refuted",
    "inconclusive": "? inconclusive",
    NOT_RUN: "– not run",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
ROOM = 110  # columns of an excerpt
_CODE = re.compile(r"`([^`]+)`")


def render(report: Report, view: View) -> str:
    """The whole document."""
    numbered = list(enumerate(report.diagnostics, 1))
    parts = (
        "<!doctype html>",
        '<html lang="en">',
        f"<head>{_head()}</head>",
        "<body>",
        *_summary(report),
        "<main>",
        *_failures(report.failures),
        *_overview(numbered),
        *_files(numbered, view),
        "</main>",
        f"<footer><p>Made by trainlint {in_html(__version__)}. What the words mean: docs/verification.md.</p></footer>",
        "</body>",
        "</html>",
    )
    return "\n".join(parts) + "\n"


def state_of(diagnostic: Diagnostic) -> str:
    return diagnostic.verdict.state if diagnostic.verdict is not None else NOT_RUN


@lru_cache(1)
def _style() -> str:
    return files("trainlint.report").joinpath("html.css").read_text(encoding="utf-8")


def _head() -> str:
    return (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>trainlint report</title><style>\n{_style()}</style>"
    )


def _summary(report: Report) -> Iterator[str]:
    counts = count(report)
    found = f"{counts.by_level} in {how_many(counts.files, 'file')}" if counts.findings else "No findings"
    yield f"<header><h1>trainlint report</h1><p>{in_html(found)}.</p>"
    yield '<dl class="facts">'
    for name, value in _facts(report, counts.verdicts, counts.hidden):
        yield f"<dt>{in_html(name)}</dt><dd>{in_html(value)}</dd>"
    yield "</dl>"
    yield from _filter(Counter(map(state_of, report.diagnostics)))
    yield "</header>"


def _facts(report: Report, verdicts: str, hidden: str) -> Iterator[tuple[str, str]]:
    ran = [said.verdict for said in report.diagnostics if said.verdict is not None]
    if verdicts:
        yield "Verdicts", verdicts
    if hidden:
        yield "Not shown", hidden
    if not ran:
        return
    yield "Device", ", ".join(dict.fromkeys(verdict.device for verdict in ran if verdict.device)) or "none"
    for versions in dict.fromkeys(tuple(verdict.versions.items()) for verdict in ran if verdict.versions):
        yield "Versions", ", ".join(f"{name} {value}" for name, value in versions if value)
    yield "Time", f"{sum(verdict.seconds for verdict in ran):.1f} s for {how_many(len(ran), 'experiment')}"
    for protections in dict.fromkeys(verdict.protections for verdict in ran if verdict.protections):
        yield "Protections", ", ".join(protections)


def _filter(counted: Mapping[str, int]) -> Iterator[str]:
    """Which findings to show: the style sheet does it, by which of these is checked."""
    if len(counted) < 2:
        return
    yield "<fieldset><legend>Show</legend>"
    yield f'<label><input type="radio" name="show" checked> all {sum(counted.values())}</label>'
    for state in (*STATES, NOT_RUN):
        if counted.get(state):
            words = f"{SIGNS[state]} {counted[state]}"
            yield f'<label><input type="radio" name="show" id="show-{state}"> {words}</label>'
    yield "</fieldset>"


def _failures(failures: Iterable[Failure]) -> Iterator[str]:
    lines = [
        f"<li>{in_html(failure_place(said))}: {in_html(said.kind)}: {in_html(said.message)}</li>"
        for said in failures
    ]
    if lines:
        yield '<h2>Could not be checked</h2><ul class="plain">'
        yield from lines
        yield "</ul>"


def _overview(numbered: list[tuple[int, Diagnostic]]) -> Iterator[str]:
    """All findings in a table, those first that were shown to do harm."""
    if len(numbered) < 2:
        return
    rank = {state: number for number, state in enumerate((*STATES, NOT_RUN))}
    yield '<h2>Overview</h2><div class="scroll"><table class="overview">'
    yield '<thead><tr><th scope="col">Verdict</th><th scope="col">Rule</th><th scope="col">Place</th></tr></thead><tbody>'
    for number, said in sorted(numbered, key=lambda entry: rank[state_of(entry[1])]):
        state = state_of(said)
        yield (
            f'<tr data-state="{state}"><td class="{state}">{SIGNS[state]}</td><td>{in_html(said.name)}</td>'
            f'<td><a href="#finding-{number}">{in_html(place(said.where))}</a></td></tr>'
        )
    yield "</tbody></table></div>"


def _files(numbered: list[tuple[int, Diagnostic]], view: View) -> Iterator[str]:
    for path, group in groupby(numbered, key=lambda entry: entry[1].where.path):
        found = list(group)
        states = " ".join(dict.fromkeys(state_of(said) for _, said in found))
        yield f'<section data-state="{states}"><h2>{in_html(path)}</h2>'
        for number, said in found:
            yield from _finding(number, said, view)
        yield "</section>"


def _finding(number: int, said: Diagnostic, view: View) -> Iterator[str]:
    position = place(said.where).removeprefix(f"{said.where.path}:")
    yield f'<article id="finding-{number}" data-state="{state_of(said)}"><header>'
    yield f'<h3>{in_html(said.name)} <span class="level">{in_html(said.level)} at {in_html(position)}</span></h3>'
    yield f"<p>{_prose(said.message)}</p></header>"
    yield _excerpt(said.where, view)
    for because in said.because:
        yield f'<p class="quiet because">because of {in_html(place(because.where))}: {_prose(because.message)}</p>'
        yield _excerpt(because.where, view)
    if said.fix is not None:
        asked = (
            "" if said.fix.applicability == "safe" else " (changes results: ask for it with --unsafe-fixes)"
        )
        yield f"<p>Fix: {_prose(said.fix.title)}{asked}</p>"
    yield from _outcome(said)
    yield "</article>"


def _outcome(said: Diagnostic) -> Iterator[str]:
    state, verdict = state_of(said), said.verdict
    yield f'<div class="outcome {state}"><p class="verdict">{SIGNS[state]}{_reason(said)}</p>'
    if verdict is not None:
        yield f"<p>{_prose(verdict.evidence)}</p>"
        earlier = "remembered from an earlier run" if verdict.earlier else ""
        took = ", ".join(filter(None, (verdict.device, f"{verdict.seconds:.1f} s", earlier)))
        yield f'<p class="quiet">{in_html(took)}</p>'
    yield "</div>"
    if verdict is not None:
        yield from measured(verdict)


def _reason(said: Diagnostic) -> str:
    return f": {in_html(said.verdict.reason)}" if said.verdict is not None else ""


def _prose(words: str) -> str:
    """A message with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", in_html(words))


def _excerpt(where: Location, view: View) -> str:
    source = view.text_of(where.path)
    rows = excerpt(source.written, where, ROOM) if source else ()
    if not rows:
        return ""
    gutter = len(str(max(row.number or 0 for row in rows)))
    return f"<pre>{''.join(_row(row, gutter) for row in rows)}</pre>"


def _row(row: Row, gutter: int) -> str:
    number = "" if row.number is None else str(row.number)
    start, end = (_index(row.text, column) for column in (row.mark_from, row.mark_from + row.mark_width))
    marked = _code(row.text[start:end])
    shown = (
        f"{_code(row.text[:start])}<mark>{marked}</mark>{_code(row.text[end:])}"
        if marked
        else _code(row.text)
    )
    return f'<span class="gutter">{number:>{gutter}} | </span>{shown}\n'


def _index(line: str, column: int) -> int:
    """Which character stands in a column of a line."""
    taken = 0
    for index, character in enumerate(line):
        if taken >= column:
            return index
        taken += width(character)
    return len(line)


def _code(line: str) -> str:
    return escape(without_illegal(line))
