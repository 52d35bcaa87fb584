"""What trainlint cannot survive: all rules on all files of a folder, whatever they are about.

    python bench/robust.py FOLDER... [--ungated] [--jobs N] [--limit SECONDS]

Each folder inside of FOLDER is linted as a project of its own, and what lies directly in FOLDER as one more.
With --ungated no file is passed over because it lacks the words that the rules live on: each one is parsed, interpreted
and asked by every rule, so that code of any kind is a test. Printed are the files, how many of them were read, the
seconds, the slowest files and the failures by kind. An internal error (a crash, a hang, a lost worker) is printed, and
the exit status is then 1; files that are no Python are only counted.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainlint.book import MACHINE, open_book
from trainlint.config import Config
from trainlint.deep_thread import Lost
from trainlint.diagnostic import Failure
from trainlint.entries import Entry
from trainlint.examine import Outcome, Scope, examine
from trainlint.lint import entries_of, open_scopes
from trainlint.workers import answer_each

SLOW = 8  # files shown


@dataclass(slots=True)
class Tally:
    """What came of the files so far."""

    files: int = 0
    read: int = 0
    findings: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    broken: list[Failure] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, path: str, answer: tuple[float, Outcome] | Lost) -> None:
        self.read += 1
        if isinstance(answer, Lost):
            answer = 0.0, Outcome(failures=(Failure(path, None, answer.reason, "internal-error"),))
        seconds, outcome = answer
        self.findings += len(outcome.diagnostics)
        self.kinds.update(failure.kind for failure in outcome.failures)
        self.broken += (failure for failure in outcome.failures if failure.kind == "internal-error")
        self.slowest = sorted([*self.slowest, (seconds, path)], reverse=True)[:SLOW]


class Timed:
    """What a worker does with an entry: examine it and say how long that took on the processor."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, entry: Entry) -> tuple[float, Outcome]:
        began = time.thread_time()
        outcome = examine(self.scope, entry)
        return time.thread_time() - began, outcome


def main() -> int:
    arguments = read_arguments()
    total = Tally()
    for folder in arguments.folders:
        for name, paths in projects_in(folder):
            began, before = time.perf_counter(), total.files
            lint_all(paths, folder, arguments, total)
            seconds = time.perf_counter() - began
            print(f"{name}: {total.files - before} files, {seconds:.0f} s", flush=True)
    report(total)
    return 1 if total.broken else 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders of projects")
    parser.add_argument("--ungated", action="store_true", help="read files without the rules' words too")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (default: 1)")
    parser.add_argument("--limit", type=float, default=60, help="seconds for one file (default: 60)")
    return parser.parse_args()


def projects_in(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """The folders in a folder, then what lies directly in it."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    yield from ((path.name, [path]) for path in inside if path.is_dir())
    loose = [path for path in inside if path.is_file() and path.suffix in (".py", ".ipynb")]
    if loose:
        yield folder.name, loose


def lint_all(paths: Sequence[Path], folder: Path, arguments: argparse.Namespace, total: Tally) -> None:
    config = Config(root=folder, exclude=(), select=("ALL",))
    scopes, missing = open_scopes(paths, config, open_book(), cwd=folder)
    total.kinds.update(failure.kind for failure in missing)
    for scope in scopes:
        rules = tuple(page.name for page in scope.pages if page.family != MACHINE)
        everything = [Entry(file, rules, judged=True) for file in sorted(scope.requested)]
        entries = everything if arguments.ungated else list(entries_of(scope))
        total.files += len(scope.requested)
        answers = answer_each(Timed, scope, entries, jobs=arguments.jobs, limit=arguments.limit)
        for entry, answer in zip(entries, answers, strict=True):
            total.add(scope.project.display(entry.file), answer)


def report(total: Tally) -> None:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(total.kinds.items())) or "none"
    print(
        f"{total.files} files, {total.read} of them read, {total.findings} findings before they are settled; failures: {kinds}"
    )
    print("slowest:", *(f"  {seconds:.1f} s {path}" for seconds, path in total.slowest), sep="\n")
    for failure in total.broken:
        print(f"internal error: {failure.path}: {failure.message}")


if __name__ == "__main__":
    raise SystemExit(main())
