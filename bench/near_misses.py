"""Whether verdicts are right: of findings that are true, and of findings that a careless rule would make.

    PYTHONPATH=. python bench/near_misses.py [--rule NAME ...] [--true N] [--false N] [--save FILE | --load FILE] [--json FILE]

True findings are those of the bad examples in `tests/cases/`, which no experiment was written on. False ones come from the good
examples: the rule is run with one of its conditions, or of those in what it asks, taken away (`bench/careless.py`), and what it
says then is verified with the fix or control that it gives. Printed are the verdicts of both, by rule, and each wrong one: a true
finding refuted, or a false one confirmed.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from careless import careless, read_once

from tests.examples import Case, lint_folder, near_misses, page_cases
from trainlint.book import open_book
from trainlint.diagnostic import Diagnostic, Verdict
from trainlint.source import read_source
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.interpreter import find_python
from trainlint.verify.place import home_of
from trainlint.verify.sandbox import Sandbox

JUDGED_BY_HAND = {  # careless findings that are true of their examples all the same: rule and words of the message
    (
        "lr-too-small",
        "Adam lr=1e-07 cannot move",
    ): "bench/rates.py: at 1e-7 ten epochs change the loss by 0.002 at most",
    ("lr-too-large", "Rprop starts at lr=2"): "the loss does rise, from 0.7 to 22",
}
STATES = ("confirmed", "refuted", "inconclusive")


@dataclass(frozen=True)
class Judged:
    """A finding of which it is known whether it is true, with the example that it is about."""

    diagnostic: Diagnostic
    true: bool
    case: Case
    why: str = ""  # what the careless rule forgot


def main() -> None:
    arguments = read_arguments()
    judged = pickle.loads(arguments.load.read_bytes()) if arguments.load else gather(arguments)
    judged = [one for one in judged if one.true or not is_true(one.diagnostic)]
    wanted = [one for one in judged if not arguments.rule or one.diagnostic.name in arguments.rule]
    if arguments.save:
        arguments.save.write_bytes(pickle.dumps(judged))
    said = []
    with open(arguments.json or os.devnull, "w") as rows:
        for entry in verified(wanted, arguments):
            said.append(entry)
            print(json.dumps(row_of(*entry)), file=rows, flush=True)
    print("\n".join(table(said)))


def gather(arguments: argparse.Namespace) -> list[Judged]:
    names = [page.name for page in open_book().pages if page.rule.symptom is not None]
    chosen = [name for name in names if not arguments.rule or name in arguments.rule]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        tasks = [pool.submit(judged_of, name, arguments.true, arguments.false) for name in chosen]
        return [one for task in tasks for one in task.result()]


def judged_of(name: str, true: int, false: int) -> list[Judged]:
    """Findings of one rule: true ones in bad examples, false ones in good examples."""
    book = open_book()
    page = book.page(name)
    assert page is not None
    examples = [*near_misses(name)]
    bad = [case for case in examples if case.kind == "bad"]
    good = [case for case in (*page_cases(page), *examples) if case.kind == "good"]
    found: list[Judged] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(random.Random(name).sample(bad, min(len(bad), true))):
            report = lint_folder(case.write(Path(folder, f"bad{number}")), book, name)
            found += [Judged(said, True, case) for said in report.diagnostics[:1]]
        laid = [(case, case.write(Path(folder, f"good{number}"))) for number, case in enumerate(good)]
        cases = {place: case for case, place in laid}
        with read_once():
            for place, diagnostic, why in careless(page, book, laid, false):
                found.append(Judged(diagnostic, False, cases[place], why))
    print(name, len(found), file=sys.stderr)
    return found


def verified(judged: Iterable[Judged], arguments: argparse.Namespace) -> Iterator[tuple[Judged, Verdict]]:
    with Sandbox(find_python(None), unsafe=True) as sandbox, tempfile.TemporaryDirectory() as folder:
        plan = Plan(timeout=arguments.timeout)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            tasks = {
                pool.submit(verdict_on, one, Path(folder, str(number)), plan, sandbox): one
                for number, one in enumerate(judged)
            }
            for task in as_completed(tasks):
                yield tasks[task], task.result()


def verdict_on(judged: Judged, folder: Path, plan: Plan, sandbox: Sandbox) -> Verdict:
    """The verdict on a finding, as `trainlint verify` reaches it in the example's folder."""
    judged.case.write(folder)
    page = open_book().page(judged.diagnostic.name)
    assert page is not None

    def read(path: str) -> tuple[str, str]:
        return str(folder / path), read_source(folder / path, path).text

    file, text = read(judged.diagnostic.where.path)
    home = home_of(Path(file), text, [folder])
    return experiment(judged.diagnostic, text, home, page.rule, plan, sandbox.ask, read)


def is_true(diagnostic: Diagnostic) -> bool:
    """Whether what a careless rule says is true all the same."""
    return any(diagnostic.name == name and words in diagnostic.message for name, words in JUDGED_BY_HAND)


def is_wrong(judged: Judged, verdict: Verdict) -> bool:
    return verdict.state == ("refuted" if judged.true else "confirmed")


def table(said: list[tuple[Judged, Verdict]]) -> Iterator[str]:
    yield "| rule | true: confirmed | refuted | inconclusive | false: confirmed | refuted | inconclusive |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in (*sorted({judged.diagnostic.name for judged, _ in said}), "all"):
        own = [(j.true, v.state) for j, v in said if name in (j.diagnostic.name, "all")]
        counts: Counter[tuple[bool, str]] = Counter(own)
        yield f"| {name} | " + " | ".join(str(counts[t, s]) for t in (True, False) for s in STATES) + " |"
    for true, name in ((True, "true"), (False, "false")):
        reasons = Counter(v.reason for j, v in said if j.true is true and v.state == "inconclusive")
        yield f"\ninconclusive on {name} findings: " + ", ".join(f"{r} {c}" for r, c in reasons.most_common())
    wrong = [(judged, verdict) for judged, verdict in said if is_wrong(judged, verdict)]
    decided = sum(verdict.state != "inconclusive" for _, verdict in said)
    yield f"\n{len(said)} findings, {decided} decided, {len(wrong)} wrongly"
    yield from (
        f"{j.case.origin}: {j.diagnostic.name} ({j.why or 'true'}): {v.state}, {v.evidence}" for j, v in wrong
    )


def row_of(judged: Judged, verdict: Verdict) -> dict[str, object]:
    where = judged.diagnostic.where
    return {
        "rule": judged.diagnostic.name, "true": judged.true, "example": judged.case.origin, "why": judged.why,
        "place": f"{where.path}:{where.line}", "message": judged.diagnostic.message, "state": verdict.state,
        "reason": verdict.reason, "evidence": verdict.evidence, "seconds": verdict.seconds,
        "substituted": verdict.measurements.get("substituted", ()),
    }  # fmt: skip


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rule", action="append", default=[], help="of these rules only")
    parser.add_argument("--true", type=int, default=4, help="true findings of each rule, at most")
    parser.add_argument("--false", type=int, default=4, help="false findings of each rule, at most")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for one run")
    parser.add_argument("--save", type=Path, help="write the findings there before they are verified")
    parser.add_argument("--load", type=Path, help="take the findings from there")
    parser.add_argument("--json", type=Path, help="write every verdict there, a line each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
