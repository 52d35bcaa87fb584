"""Runs the programs of a verdict once more, from a script that `--save-repro` wrote: packed into it, without the linter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainlint.diagnostic import Verdict
from trainlint.rule import Rule
from trainlint.run import Run
from trainlint.verify.judge import Arm, judge, read_run
from trainlint.verify.sandbox import Sandbox

PROJECT = "{project}"  # what stands in a saved request where the project's folder was


def run_again(
    programs: Mapping[str, str], requests: Mapping[str, Any], rule: Rule, project: Path, sandbox: Sandbox
) -> Verdict:
    """The verdict on these programs, `written`, `control` and `planted`, as far as there are any."""
    arms = {
        name: _arm([{**_placed(requests[name], project), "program": text, "seed": seed} for seed in requests["seeds"]], sandbox)
        for name, text in programs.items()
    }  # fmt: skip
    return judge(rule, arms["written"], arms.get("control"), arms.get("planted"))


def lines_of(verdict: Verdict) -> Iterator[str]:
    """The verdict for a person: the sentence, then the numbers."""
    yield f"{verdict.state}: {verdict.evidence}"
    for name, value in verdict.measurements.items():
        yield f"  {name}: {value}"


def _arm(requests: list[dict[str, Any]], sandbox: Sandbox) -> Arm:
    runs: list[Run] = []
    for request in requests:
        run = read_run(sandbox.ask(request), request["seed"])
        if not isinstance(run, Run):
            return Arm((), *run)
        runs.append(run)
    return Arm(tuple(runs))


def _placed(value: Any, project: Path) -> Any:
    """A saved request with the project where it is now."""
    if isinstance(value, str):
        return value.replace(PROJECT, str(project), 1) if value.startswith(PROJECT) else value
    if isinstance(value, list):
        return [_placed(item, project) for item in value]
    if isinstance(value, dict):
        return {_placed(key, project): _placed(item, project) for key, item in value.items()}
    return value
