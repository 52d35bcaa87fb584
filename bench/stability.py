"""Whether verdicts stay the same while another process takes the processor.

    PYTHONPATH=. python bench/stability.py [--times 20] [--load 2] [--rule NAME ...]

The bad examples of a few pages of every family, the ones that compare losses or gradients among them, are verified again and
again beside processes that do nothing but compute. Printed are the states and reasons that each of them got.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.examples import lint_folder, page_cases
from trainlint.book import open_book
from trainlint.diagnostic import Diagnostic
from trainlint.rule import Rule
from trainlint.source import read_source
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.interpreter import find_python
from trainlint.verify.place import home_of
from trainlint.verify.sandbox import Sandbox

RULES = (
    "accumulation-unscaled", "batch-size-extreme", "bounded-regression-output", "constant-weight-init", "dying-relu",
    "inputs-not-normalised", "load-without-map-location", "loss-retains-graph", "lr-too-large", "missing-eval-mode",
    "missing-no-grad", "missing-zero-grad", "no-lr-scheduler", "sampler-epoch-not-set", "sgd-without-momentum",
    "softmax-before-cross-entropy", "train-loader-not-shuffled",
)  # fmt: skip


def main() -> None:
    arguments = read_arguments()
    seen: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, Sandbox(find_python(None), unsafe=True) as sandbox:
        findings = [finding_of(name, Path(folder, name)) for name in arguments.rule or RULES]
        with busy(arguments.load):
            for time in range(arguments.times):
                for rule, diagnostic, file in findings:
                    text = read_source(file, diagnostic.where.path).text
                    plan = Plan(timeout=arguments.timeout)
                    verdict = experiment(diagnostic, text, home_of(file, text), rule, plan, sandbox.ask)
                    seen.setdefault(diagnostic.name, Counter())[f"{verdict.state} ({verdict.reason})"] += 1
                print(time + 1, file=sys.stderr)
    print("\n".join(table(seen)))


def finding_of(name: str, folder: Path) -> tuple[Rule, Diagnostic, Path]:
    """The finding in the first bad example of a page."""
    book = open_book()
    page = book.page(name)
    assert page is not None
    case = next(case for case in page_cases(page) if case.kind == "bad")
    diagnostic = lint_folder(case.write(folder), book, name).diagnostics[0]
    return page.rule, diagnostic, folder / diagnostic.where.path


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    workers = [multiprocessing.Process(target=compute, daemon=True) for _ in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()


def compute() -> None:
    number = 1
    while True:
        number = number * 3 % 1_000_003


def table(seen: dict[str, Counter[str]]) -> Iterator[str]:
    yield "| finding | verdicts |\n| --- | --- |"
    for name, verdicts in sorted(seen.items()):
        yield f"| {name} | " + ", ".join(f"{said} {count}" for said, count in verdicts.most_common()) + " |"
    steady = sum(len(verdicts) == 1 for verdicts in seen.values())
    yield f"\n{steady} of {len(seen)} findings got one and the same verdict every time"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--load", type=int, default=2, help="processes that compute beside it")
    parser.add_argument("--rule", action="append", default=[], help="the findings of these rules only")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for one run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
