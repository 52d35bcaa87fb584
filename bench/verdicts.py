"""What `trainlint verify` decides about the findings in real repositories, and why it does not decide the rest.

    python bench/verdicts.py FOLDER [--select RULES] [--most N] [--timeout SECONDS] [--true [FILE]] [--json FILE]

FOLDER holds repositories as `bench/field.py` takes them, unpacked. Findings of rules with an experiment are verified, at most
N of one rule in one repository (copies of a notebook would count as many); with `--true` those that both readers of
`bench/judged.jsonl` called true. Printed are the verdicts by family, and the reasons
of the undecided ones. This runs the code of those repositories in the sandbox: use a machine that has its protections.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

from judgements import place_of, read_judged

from trainlint.book import Book, open_book
from trainlint.config import Config
from trainlint.diagnostic import Diagnostic
from trainlint.lint import lint
from trainlint.source import Source, read_source
from trainlint.verify import verify


def main() -> None:
    arguments = read_arguments()
    book = open_book()
    said: list[tuple[str, Diagnostic]] = []
    for folder in sorted(path for path in arguments.folder.iterdir() if path.is_dir()):
        print(folder.name, file=sys.stderr)
        said += ((folder.name, diagnostic) for diagnostic in verified(folder, book, arguments))
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(row_of(*entry)) + "\n" for entry in said))
    print("\n".join(table(said)))


def verified(folder: Path, book: Book, arguments: argparse.Namespace) -> Iterator[Diagnostic]:
    """The findings of a repository that an experiment can speak about, with their verdicts."""
    os.chdir(folder)
    report = lint([folder], Config(select=tuple(arguments.select.split(","))), book, cwd=folder)
    found = report.diagnostics
    if arguments.true is not None:
        true, name = true_findings(arguments.true), folder.name.replace("+", "/", 1)
        found = tuple(d for d in found if (name, place_of(asdict(d.where)), d.name) in true)
    chosen = list(few(found, book, arguments.most))

    def source_of(path: str) -> Source:
        return read_source(folder / path, path)

    yield from verify(chosen, source_of, book, timeout=arguments.timeout, around=[folder])


@cache
def true_findings(file: Path) -> frozenset[tuple[str, str, str]]:
    """Repository, place and rule of what every reader called true."""
    return frozenset(
        (repository, place, rule)
        for (repository, _, place, rule), verdict in read_judged(file).items()
        if verdict == "true"
    )


JUDGED = Path(__file__).with_name("judged.jsonl")


def few(diagnostics: tuple[Diagnostic, ...], book: Book, most: int) -> Iterator[Diagnostic]:
    seen: Counter[str] = Counter()
    for diagnostic in diagnostics:
        page = book.page(diagnostic.name)
        if page is not None and page.rule.symptom is not None and seen[diagnostic.name] < most:
            seen[diagnostic.name] += 1
            yield diagnostic


def table(said: list[tuple[str, Diagnostic]]) -> Iterator[str]:
    families = sorted({diagnostic.family for _, diagnostic in said})
    yield "| family | findings | confirmed | refuted | inconclusive |\n| --- | ---: | ---: | ---: | ---: |"
    for family in (*families, "all"):
        states = Counter(
            d.verdict.state for _, d in said if d.verdict is not None and family in (d.family, "all")
        )
        counted = (sum(states.values()), *(states[name] for name in ("confirmed", "refuted", "inconclusive")))
        yield f"| {family} | " + " | ".join(map(str, counted)) + " |"
    yield "\n| why undecided | findings |\n| --- | ---: |"
    reasons = Counter(
        d.verdict.reason for _, d in said if d.verdict is not None and d.verdict.state == "inconclusive"
    )
    yield from (f"| {reason} | {count} |" for reason, count in reasons.most_common())


def row_of(repository: str, diagnostic: Diagnostic) -> dict[str, object]:
    verdict = diagnostic.verdict
    assert verdict is not None
    place = place_of(asdict(diagnostic.where))
    return {
        "repository": repository, "place": place, "rule": diagnostic.name, "state": verdict.state,
        "reason": verdict.reason, "evidence": verdict.evidence, "seconds": verdict.seconds,
    }  # fmt: skip


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=lambda text: Path(text).resolve(), help="the repositories")
    parser.add_argument("--select", default="error,warning", help="rules, families or levels")
    parser.add_argument("--most", type=int, default=3, help="of one rule in one repository")
    parser.add_argument(
        "--true", nargs="?", type=Path, const=JUDGED, metavar="FILE", help="only what its readers called true"
    )
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one run")
    parser.add_argument(
        "--json", type=lambda text: Path(text).resolve(), help="write every verdict there, a line each"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
