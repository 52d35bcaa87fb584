"""How much of an exam trainlint passes: small programs with one defect each, and near misses without.

    python bench/exam.py [--sitting N] [--rule NAME]... [--jobs N]

The programs stand in `exam.jsonl`, an object of a line: `sitting`, `file`, `rule`, `bad`, `lines`, `note`, `program`. People who
did not know the linter wrote them from the catalogue's rows alone, for each rule as many with the defect as near misses; the second
sitting was written later, by others. Each is linted as a file by itself. A defect is found if a finding of its rule, or a place
that it rests on, lies within a few lines of one of `lines`; a near miss is passed if its rule says nothing at all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from repositories import run_trainlint

EXAM = Path(__file__).with_name("exam.jsonl")
NEAR = 4  # lines
Program = Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sitting", type=int, choices=(1, 2))
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    asked = [
        program
        for program in map(json.loads, EXAM.read_text().splitlines())
        if arguments.sitting in (None, program["sitting"])
        and (not arguments.rule or program["rule"] in arguments.rule)
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        answers = list(pool.map(partial(answer, folder=Path(folder)), asked))
    for program, said in zip(asked, answers, strict=True):
        if said != program["bad"]:
            print(
                "missed" if program["bad"] else "false ", program["sitting"], program["file"], program["note"]
            )
    for sitting in sorted({program["sitting"] for program in asked}):
        print(
            marks(
                sitting, [pair for pair in zip(asked, answers, strict=True) if pair[0]["sitting"] == sitting]
            )
        )


def answer(program: Program, folder: Path) -> bool:
    """Whether the linter says of a program what its rule is about: for a defect, near the place."""
    home = Path(tempfile.mkdtemp(dir=folder))
    home.joinpath("train.py").write_text(program["program"])
    linted = run_trainlint(home, ["train.py"], ["--select", program["rule"]])
    if linted.trouble:
        raise SystemExit(f"{program['file']}: {linted.trouble}")
    if not program["bad"]:
        return bool(linted.findings)
    places = [place["line"] for said in linted.findings for place in (said, *said["because"])]
    return any(abs(place - line) <= NEAR for place in places for line in program["lines"])


def marks(sitting: int, answered: Sequence[tuple[Program, bool]]) -> str:
    found = [said for program, said in answered if program["bad"]]
    false = [said for program, said in answered if not program["bad"]]
    return f"sitting {sitting}: {sum(found)} of {len(found)} defects found, {sum(false)} of {len(false)} near misses called wrong"


if __name__ == "__main__":
    main()
