"""The options of `trainlint verify` that no other command has: what runs, for how long, and what fails."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainlint.argument_types import Names, count, device, seconds
from trainlint.diagnostic import LEVELS

CONFIRMED, UNREFUTED = "confirmed", "unrefuted"
FAILING = (CONFIRMED, UNREFUTED, *LEVELS)

EXIT_CODES = """\
exit codes:
  0  nothing failed; a finding that was refuted never fails
  1  findings at or above the failing level (default: warning) that were not refuted, or as --fail-on says:
     confirmed  only those that were confirmed; unrefuted  the same as the default
     error, warning, advice  those from this level on that were not refuted
  2  wrong usage or configuration, a file that could not be read, or an internal error
  130  interrupted, after a report of what was done by then
"""


def add_experiments(parser: argparse.ArgumentParser) -> None:
    """What is run, where and for how long."""
    group = parser.add_argument_group("experiments")
    group.add_argument(
        "--device", type=device, default="auto", metavar="DEVICE", help="auto, cpu or cuda[:N]"
    )
    group.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        metavar="WHERE",
        help="local, or ray: on a cluster",
    )
    group.add_argument(
        "--seeds", type=count, metavar="N", help="seeds per arm (default: what the rule wants)"
    )
    group.add_argument("--timeout", type=seconds, default=20.0, metavar="SECONDS", help="time for one run")
    group.add_argument(
        "--budget",
        type=seconds,
        metavar="SECONDS",
        help="time for all of them: errors first, then what is cheap",
    )
    group.add_argument(
        "--python", metavar="PROGRAM", help="the Python that has PyTorch and the code's packages"
    )
    group.add_argument("--rule", action=Names, metavar="NAME", help="run findings of these rules only")
    group.add_argument("--show", action="store_true", help="print the programs that ran")
    group.add_argument(
        "--save-repro",
        type=Path,
        metavar="FOLDER",
        help="write a script for each verdict, to run with Python and torch alone",
    )
    group.add_argument(
        "--only-confirmed", action="store_true", help="show confirmed findings only, and count the others"
    )
    group.add_argument(
        "--unsafe-no-sandbox", action="store_true", help="run where nothing holds the code back"
    )


def add_failing(group: argparse._ArgumentGroup) -> None:
    """From when on a verification fails."""
    group.add_argument(
        "--fail-on", choices=FAILING, metavar="WHAT",
        help="confirmed, unrefuted, or a level: exit with 1 for these (default: unrefuted)",
    )  # fmt: skip
