"""Runs the code that findings are about, as written and corrected, and says what that showed.

    for diagnostic in verify(report.diagnostics, source_of, book):
        print(diagnostic.verdict)

Nothing here imports torch: programs run in a sandboxed child, in the interpreter that has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainlint.diagnostic import LEVELS, Diagnostic
from trainlint.remembered import remember_versions, versions_of
from trainlint.rule import Needs
from trainlint.verify.environment import print_of_python
from trainlint.verify.experiment import Plan, Trial, investigate
from trainlint.verify.interpreter import VerifyError, find_python
from trainlint.verify.judge import inconclusive
from trainlint.verify.place import home_of
from trainlint.verify.recall import Matter, Reads, Recall
from trainlint.verify.sandbox import Sandbox

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.page import Page
    from trainlint.rule import Rule
    from trainlint.source import Source
    from trainlint.verify.cluster import Cluster

__all__ = ["Plan", "Trial", "VerifyError", "verify"]

Witness = Callable[[Diagnostic, Trial, Plan], None]

GLANCE = 0.2  # seconds between two looks at how far the experiments are


def verify(
    diagnostics: Iterable[Diagnostic],
    source_of: Callable[[str], Source],
    book: Book,
    *,
    device: str = "auto",
    seeds: int | None = None,
    timeout: float = 20.0,
    python: str | None = None,
    unsafe: bool = False,
    jobs: int | None = None,
    around: Sequence[Path] = (),
    progress: Callable[[int, int], None] | None = None,
    budget: float | None = None,
    witness: Witness | None = None,
    cache: Path | None = None,
    executor: str = "local",
) -> Iterator[Diagnostic]:
    """The diagnostics in order, each with its verdict as soon as it is there.

    What `budget` seconds do not suffice for is inconclusive; errors are run first then, and of equals what is cheap.
    `progress` is told how many of how many experiments are done, several times a second; `witness` is shown what ran for
    each diagnostic before it is yielded. `cache` is the folder where verdicts of earlier runs are and these are kept.
    `source_of` gives the source of a diagnostic's path; the project of a file without a repository is the folder of
    `around` that holds it. `executor` "ray" runs them on a Ray cluster instead of this machine. A diagnostic whose rule
    has no experiment passes through as it is. Raises VerifyError, one line for the user, before the first one where
    nothing can run.
    """
    waiting = list(diagnostics)
    tried = [diagnostic for diagnostic in waiting if _rule(book, diagnostic) is not None]
    if not tried:
        yield from waiting
        return
    until = time.monotonic() + budget if budget is not None else float("inf")
    if executor != "local":
        cache = None  # what the interpreters of a cluster hold is not known here
    interpreter = find_python(python) if executor == "local" else ""
    known = print_of_python(interpreter) if cache is not None else ""
    versions = versions_of(cache, known) if cache is not None and known else {}
    with (
        Sandbox(interpreter, unsafe=unsafe, versions=versions)
        if executor == "local"
        else _cluster(python, unsafe, device, jobs or len(tried))
    ) as sandbox:
        plan = Plan(choose_device(device, sandbox), seeds, timeout)
        recall = Recall(cache, f"{known} {unsafe}", plan) if cache is not None and known else None
        bench = _Bench(source_of, book, plan, sandbox, around, until, recall)
        pool = ThreadPoolExecutor(jobs or sandbox.workers)
        try:
            tasks = {
                number: pool.submit(_verified, waiting[number], bench)
                for number in _order(waiting, book, budget is not None)
            }
            for number in range(len(waiting)):
                while wait([tasks[number]], GLANCE).not_done:
                    if progress is not None:
                        progress(sum(task.done() for task in tasks.values()), len(tasks))
                diagnostic, trial = tasks[number].result()
                if witness is not None and trial is not None:
                    witness(diagnostic, trial, plan)
                yield diagnostic
        finally:
            # an interrupt does not wait: closing the sandbox ends all
            pool.shutdown(wait=False, cancel_futures=True)
            if recall is not None:
                recall.close()
                if sandbox.started:
                    remember_versions(recall.folder, known, sandbox.versions)


def _order(diagnostics: Sequence[Diagnostic], book: Book, hurried: bool) -> list[int]:
    """Which to begin with: in their order, or where time is short the gravest first, and of equals the cheapest."""
    if not hurried:
        return list(range(len(diagnostics)))

    def urgency(number: int) -> tuple[int, int]:
        rule = _rule(book, diagnostics[number])
        needs = rule.needs if rule is not None else Needs()
        return LEVELS.index(diagnostics[number].level), needs.seeds * needs.steps * needs.epochs

    return sorted(range(len(diagnostics)), key=urgency)


def _cluster(python: str | None, unsafe: bool, device: str, most: int) -> Cluster:
    from trainlint.verify.cluster import Cluster

    return Cluster(python, unsafe=unsafe, device=device, most=most)


def choose_device(wanted: str, sandbox: Sandbox | Cluster) -> str:
    """`auto` is the GPU where the child's torch can use one; asking for one that is not there is an error."""
    if wanted == "auto":
        return "cuda:0" if sandbox.has_gpu else "cpu"
    name, _, number = wanted.partition(":")
    if name not in ("cpu", "cuda") or (number and not number.isdigit()) or (name == "cpu" and number):
        raise VerifyError(f"--device {wanted}: expected auto, cpu, cuda or cuda:N")
    if name == "cuda" and not sandbox.has_gpu:
        raise VerifyError(f"--device {wanted}: torch {sandbox.versions.get('torch')} finds no GPU here")
    return "cpu" if name == "cpu" else f"cuda:{number or 0}"


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all experiments of a run share."""

    source_of: Callable[[str], Source]
    book: Book
    plan: Plan
    sandbox: Sandbox | Cluster
    around: Sequence[Path]
    until: float
    recall: Recall | None

    def read(self, path: str) -> tuple[str, str]:
        """A file that a control changes: its full path and its text."""
        other = self.source_of(path)
        return str(other.file.resolve() if other.file is not None else path), other.understood


def _verified(diagnostic: Diagnostic, bench: _Bench) -> tuple[Diagnostic, Trial | None]:
    page = bench.book.page(diagnostic.name)
    if page is None or page.rule.symptom is None:
        return diagnostic, None
    if time.monotonic() >= bench.until:
        return replace(diagnostic, verdict=inconclusive("out-of-budget")), None
    try:
        trial = _trial(diagnostic, page, bench)
    except VerifyError:
        raise  # nothing can run here
    except Exception as error:  # the wall of this room: one experiment's failure is one verdict
        trial = Trial(inconclusive("rule-failed", f"{type(error).__name__}: {error}"))
    return replace(diagnostic, verdict=trial.verdict), trial


def _trial(diagnostic: Diagnostic, page: Page, bench: _Bench) -> Trial:
    """The experiment, or what is remembered of it."""
    source, recall = bench.source_of(diagnostic.where.path), bench.recall
    home = home_of(source.file, source.understood, bench.around)
    matter = Matter(diagnostic, source.understood, home, page, bench.read)
    key = recall.key(matter) if recall is not None else ""
    known = recall.trial(key, matter) if recall is not None else None
    reads = Reads()

    def ask(request: Mapping[str, object]) -> Mapping[str, Any]:
        answer = bench.sandbox.ask(request, bench.until)
        reads.note(answer)
        return answer

    trial = known or investigate(diagnostic, source.understood, home, page.rule, bench.plan, ask, bench.read)
    if recall is None or source.file is None:
        return trial
    if known is not None or recall.keep(key, trial, matter, reads):
        recall.place(source.file, key, matter)
    return trial


def _rule(book: Book, diagnostic: Diagnostic) -> Rule | None:
    page = book.page(diagnostic.name)
    return page.rule if page is not None and page.rule.symptom is not None else None
