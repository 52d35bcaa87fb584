"""What a lint or verify run tells the world: plain frozen values, JSON-able, picklable, no behaviour.

Everything above `lint` (reports, fixes, baselines, verification) speaks in these words, and nothing in
this file knows LibCST, rules or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from trainlint.records import dataclass

Level = Literal["error", "warning", "advice"]
Applicability = Literal["safe", "unsafe"]
State = Literal["confirmed", "refuted", "inconclusive"]
Certainty = Literal["imported", "constructed", "annotated", "inferred", "conventional", "guessed"]

LEVELS: tuple[Level, ...] = ("error", "warning", "advice")  # from the gravest to the mildest


@dataclass(frozen=True, slots=True)
class Location:
    """A range of a file. Lines and columns count from 1, columns in code points.

    `start` and `end` are code point offsets into `Source.text`, `end` exclusive. In a notebook `line`
    counts within cell number `cell` (from 1), elsewhere `cell` is None.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    end: int
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text at `where` by `text` (an insertion where the range is empty)."""

    where: Location
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    title: str
    applicability: Applicability
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Because:
    """Another place that a finding rests on, and what happens there."""

    where: Location
    message: str


Number = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """What both programs of an experiment did, under the first seed: a number for every `stride`-th thing `along`.

    None stands for what is no finite number. Without a `line` the points say an order, not a course.
    """

    name: str
    along: str
    written: tuple[Number, ...]
    control: tuple[Number, ...]
    stride: int = 1
    line: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What executing a finding showed."""

    state: State
    reason: str  # from the fixed vocabulary in docs/verification.md
    evidence: str  # one sentence with numbers
    measurements: Mapping[str, object] = field(default_factory=dict)
    device: str | None = None
    seconds: float = 0.0
    protections: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # of the interpreter that ran it and its torch
    earlier: bool = False  # remembered from a run before this one


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding, located, levelled and explained: what `--output-format json` prints."""

    name: str
    family: str
    level: Level
    message: str
    where: Location
    because: tuple[Because, ...] = ()
    certainty: Certainty = "constructed"
    fix: Fix | None = None
    control: Fix | None = None  # for experiments only, where the fix cannot serve; never applied to files
    plant: Fix | None = None  # likewise: the harm itself, to see whether an experiment would show it
    fingerprint: str = ""
    verdict: Verdict | None = None
    beside: Fix | None = None  # likewise: what all programs of an experiment have changed


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, rule or setting that could not be used; always makes the exit code 2 unless allowed."""

    path: str
    line: int | None
    message: str
    kind: Literal["unreadable", "syntax", "internal-error", "usage"] = "unreadable"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run: diagnostics in file, line, column, name order."""

    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[Failure, ...] = ()
    files: int = 0  # how many files were looked at
    suppressed: int = 0  # by comments
    baselined: int = 0
    withheld: int = 0  # advice beyond what one file gets
    stale: int = 0  # entries of the baseline that this run could have found again and did not
    paths: tuple[str, ...] = ()  # the files that were looked at
    rules: tuple[str, ...] = ()  # the names of the rules that were asked
    unconfirmed: int = 0  # what was run and not confirmed, or not run, where only the confirmed is asked for
