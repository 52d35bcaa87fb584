"""How long `trainlint verify` takes on a folder of some 50 findings, against starting torch once.

    python bench/verify_speed.py [FOLDER] [--rounds N] [--jobs N]

FOLDER defaults to a made-up repository: docs/example and the first bad example of each rule's page; errors and warnings are
verified. Every round verifies all of it in fresh processes, without the cache, and then starts a Python that imports torch and
takes one step: what a person pays at least to run anything by hand. Both are measured in seconds of the processor, all processes
together, so that what else the machine does matters less; the seconds on the clock are printed beside them. Then one process is
asked for run after run, to say what one run of a small program takes once torch is warm.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

from trainlint.book import open_book
from trainlint.verify.interpreter import find_python
from trainlint.verify.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
STEP = """
import torch
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(2, 4)).sum().backward()
optimizer.step()
"""
RUNS = 20
RUN = {
    "program": STEP, "path": "step.py", "focus": [[1, 6]], "seed": 0, "steps": 8, "epochs": 1, "device": "cpu",
    "seconds": 20.0, "memory": 3 << 30,
}  # fmt: skip


def main() -> None:
    arguments = read_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or make_repository(Path(scratch) / "repository")
        rounds = [(verify(folder, arguments.jobs), processor(start_torch)) for _ in range(arguments.rounds)]
    findings, states = rounds[0][0][2:]
    print(f"{findings} findings: " + ", ".join(f"{count} {state}" for state, count in states.most_common()))
    print(f"on the clock {spread([clock for (clock, *_), _ in rounds])} s")
    print(f"of the processor {spread([spent for (_, spent, *_), _ in rounds])} s")
    print(f"starting torch and one step {spread([start for _, start in rounds])} s")
    ratios = [spent / findings / start for (_, spent, *_), start in rounds]
    print(f"a finding takes as long as starting torch {spread(ratios)} times")
    print(f"one run of one step, once warm: {spread(warm_runs())} s on the clock")


def make_repository(folder: Path) -> Path:
    """A folder that looks like a repository: a package for each family, and what the README shows."""
    shutil.copytree(ROOT / "docs" / "example", folder / "example")
    (folder / ".git").mkdir()
    for page in open_book().pages:
        bad = next((example for example in page.examples if example.kind == "bad"), None)
        if page.rule.symptom is not None and bad is not None:
            file = folder / page.family / f"{page.name.replace('-', '_')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(bad.text, encoding="utf-8")
    return folder


def verify(folder: Path, jobs: int | None) -> tuple[float, float, int, Counter[str]]:
    """Seconds on the clock and of the processor, the number of findings that were run, and how they ended."""
    command = [sys.executable, "-m", "trainlint", "verify", "--isolated", "--no-cache", "--exit-zero", "-q"]
    command += ["--select", "error,warning", "--output-format", "json"]
    command += ["--jobs", str(jobs)] if jobs else []
    began, spent = time.monotonic(), used()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))
    clock, spent = time.monotonic() - began, used() - spent
    verdicts = [said["verdict"] for said in json.loads(done.stdout)["findings"] if said["verdict"]]
    return clock, spent, len(verdicts), Counter(verdict["state"] for verdict in verdicts)


def start_torch() -> None:
    subprocess.run([sys.executable, "-c", STEP], check=True)


def processor(action: Callable[[], None]) -> float:
    """Seconds of the processor that the child processes of an action take."""
    before = used()
    action()
    return used() - before


def used() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def warm_runs() -> list[float]:
    """Seconds for one run after the other in one warm sandbox."""
    seconds = []
    with Sandbox(find_python(), unsafe=True) as sandbox:
        for _ in range(RUNS):
            began = time.monotonic()
            sandbox.ask(RUN)
            seconds.append(time.monotonic() - began)
    return seconds[1:]


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="what to verify (default: a made-up repository)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="experiments at a time (default: as verify chooses)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
