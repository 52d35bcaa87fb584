"""What stands behind each rule: true reports in code that nobody here wrote, and threads that people opened about the defect.

    python bench/backing.py [--least N]

Printed are the rules with fewer than N (5) true reports in `bench/judged.jsonl`, all rounds together; beside each, how
many of the examples in `tests/cases/<rule>.md` come from a thread, an issue or a fix ("reported in URL": programs in our own
words, found by the rule as the tests assert), with the addresses.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from judgements import read_judged

from trainlint.book import open_book

CASES = Path(__file__).parents[1] / "tests" / "cases"
REPORTED = re.compile(r"^## Bad: reported in (\S+)$", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description="True reports and threads behind each rule.")
    parser.add_argument("--least", type=int, default=5, help="leave out rules with so many true reports")
    print("\n".join(rows(parser.parse_args().least)))


def rows(least: int) -> Iterator[str]:
    """A table of the rules that ordinary code seldom shows."""
    judged = read_judged(Path(__file__).with_name("judged.jsonl"))
    true = Counter(rule for (_, _, _, rule), verdict in judged.items() if verdict == "true")
    yield "| rule | true reports | from threads | where |\n|---|---|---|---|"
    for rule in sorted(open_book().names):
        if true[rule] < least and rule != "unused-suppression":
            threads = threads_of(rule)
            yield f"| {rule} | {true[rule]} | {len(threads)} | {', '.join(threads)} |"


def threads_of(rule: str, cases: Path = CASES) -> list[str]:
    """The addresses of the threads whose programs are examples of a rule."""
    file = cases / f"{rule}.md"
    return REPORTED.findall(file.read_text(encoding="utf-8")) if file.exists() else []


if __name__ == "__main__":
    main()
