"""What many entries said, settled into one report: one defect, one finding, in an order that nothing can change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainlint.diagnostic import LEVELS, Certainty, Diagnostic, Failure, Location, Report
from trainlint.examine import Outcome, Scope
from trainlint.fingerprint import numbered
from trainlint.selection import fits, ignored_in
from trainlint.silence import silence

CERTAINTIES: tuple[Certainty, ...] = (  # from the strongest to the weakest
    "imported",
    "constructed",
    "annotated",
    "inferred",
    "conventional",
    "guessed",
)


def settle(scope: Scope, outcomes: Iterable[Outcome]) -> Report:
    """The report of a scope: the same for any order of the outcomes."""
    outcomes = tuple(outcomes)
    failures = tuple(sorted({f for outcome in outcomes for f in outcome.failures}, key=failure_order))
    ignored = _ignored_rules(scope)
    said = numbered(gravest_of_equals(d for outcome in outcomes for d in outcome.diagnostics))
    wanted = [d for d in said if d.name not in ignored.get(d.where.path, ())]
    speaking = _by_path(absorb(wanted, {page.name: page.rule.yields_to for page in scope.pages}))
    everything = _by_path(said)
    unclear = _unclear(failures)
    kept: list[Diagnostic] = []
    suppressed = 0
    for path, file in scope.files.items():
        judge = unclear is not None and path not in unclear
        silenced = silence(
            scope, file, speaking[path], everything[path], judge, ignored.get(path, frozenset())
        )
        kept += silenced.kept
        suppressed += silenced.suppressed
    names = tuple(page.name for page in scope.pages)
    return Report(
        in_order(kept), failures, len(scope.files), suppressed, paths=tuple(sorted(scope.files)), rules=names
    )


def _unclear(failures: Iterable[Failure]) -> frozenset[str] | None:
    """The files of which too little is known to call a comment unused; None: all of them."""
    if any(failure.kind == "internal-error" for failure in failures):
        return None
    return frozenset(failure.path for failure in failures)


def _by_path(diagnostics: Iterable[Diagnostic]) -> defaultdict[str, list[Diagnostic]]:
    found: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    for diagnostic in diagnostics:
        found[diagnostic.where.path].append(diagnostic)
    return found


def join(reports: Iterable[Report]) -> Report:
    """Several reports on different files as one."""
    reports = tuple(reports)
    return Report(
        in_order(d for report in reports for d in report.diagnostics),
        tuple(sorted({f for report in reports for f in report.failures}, key=failure_order)),
        sum(report.files for report in reports),
        sum(report.suppressed for report in reports),
        sum(report.baselined for report in reports),
        sum(report.withheld for report in reports),
        sum(report.stale for report in reports),
        tuple(sorted(path for report in reports for path in report.paths)),
        tuple(dict.fromkeys(name for report in reports for name in report.rules)),
    )


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By file, place and name."""
    return tuple(sorted(diagnostics, key=_report_order))


def gravest_of_equals(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One finding for each rule and place, of what several entries said about it the gravest and surest."""
    best: dict[tuple[str, str, int, int], Diagnostic] = {}
    for diagnostic in diagnostics:
        key = (diagnostic.name, *span_of(diagnostic.where))
        rival = best.get(key)
        if rival is None or _preference(diagnostic) < _preference(rival):
            best[key] = diagnostic
    return in_order(best.values())


def absorb(
    diagnostics: Sequence[Diagnostic], yields_to: Mapping[str, Sequence[str]]
) -> tuple[Diagnostic, ...]:
    """Without those whose rule yields to another one that speaks of the same place."""
    speaking: dict[str, list[Diagnostic]] = defaultdict(list)
    for diagnostic in diagnostics:
        speaking[diagnostic.name].append(diagnostic)

    def absorbed(diagnostic: Diagnostic) -> bool:
        for stronger in yields_to.get(diagnostic.name, ()):
            if diagnostic.name in yields_to.get(stronger, ()) and diagnostic.name < stronger:
                continue  # each yields to the other: the first in the alphabet speaks
            if any(_same_defect(diagnostic, other) for other in speaking.get(stronger, ())):
                return True
        return False

    return tuple(diagnostic for diagnostic in diagnostics if not absorbed(diagnostic))


def _same_defect(weaker: Diagnostic, stronger: Diagnostic) -> bool:
    """On one line, on a place that the stronger one rests on, or resting on the same place."""
    places = [stronger.where, *(because.where for because in stronger.because)]
    if _line_of(weaker.where) in map(_line_of, places):
        return True
    spans = set(map(span_of, places))
    return any(span_of(because.where) in spans for because in weaker.because)


def span_of(where: Location) -> tuple[str, int, int]:
    return where.path, where.start, where.end


def _line_of(where: Location) -> tuple[str, int, int]:
    return where.path, where.cell or 0, where.line


def _ignored_rules(scope: Scope) -> dict[str, frozenset[str]]:
    """The rules that the configuration ignores in single files, by path."""
    if not scope.config.per_file_ignores:
        return {}
    found = {}
    for file in scope.requested:
        selectors = ignored_in(file, scope.config)
        names = (page.name for page in scope.pages if fits(page, scope.config, selectors))
        found[scope.project.display(file)] = frozenset(names)
    return found


def _preference(diagnostic: Diagnostic) -> tuple[Any, ...]:
    grave, sure = LEVELS.index(diagnostic.level), CERTAINTIES.index(diagnostic.certainty)
    return grave, sure, diagnostic.message, diagnostic.fix is None, repr(diagnostic)


def _report_order(diagnostic: Diagnostic) -> tuple[Any, ...]:
    where = diagnostic.where
    return where.path.split("/"), where.start, where.end, diagnostic.name, diagnostic.message


def failure_order(failure: Failure) -> tuple[Any, ...]:
    return failure.path.split("/"), failure.line or 0, failure.kind, failure.message
