"""Verdicts of earlier runs as one verification uses them: by what, how they are found again, and which are kept.

The key is made of the programs as they would run (by their statements, wherever these stand in the file), of the rule's
file, of this very installation of trainlint, of the interpreter with its packages, and of all that was asked for. What
a program read of its project is found out by running it, and has to be unchanged.
"""

from __future__ import annotations

import ast
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainlint.diagnostic import Diagnostic
from trainlint.page import Page
from trainlint.remembered import (
    Remembered,
    content_print,
    package_print,
    print_of,
    prune,
    remember,
    remember_places,
    verdict_of,
)
from trainlint.rule import Needs
from trainlint.verify.case import Case, Read, make_cases, make_planted, make_started
from trainlint.verify.cut import Extent, NotCut
from trainlint.verify.experiment import TRY_OTHERS, Plan, Trial, chosen_starts, smaller_cuts
from trainlint.verify.place import Home
from trainlint.verify.statements import lines_of

PASSING = {  # what may be otherwise the next time, with nothing changed
    "timed-out", "out-of-budget", "out-of-memory", "died", "tampered", "rule-failed", "sandbox-lost",
}  # fmt: skip
NAMES_A_LINE = re.compile(r"\bline \d")


@dataclass
class Reads:
    """What the answers to one experiment's requests say was read; `whole` until one of them does not say."""

    files: set[str] = field(default_factory=set)
    whole: bool = True

    def note(self, answer: Mapping[str, Any]) -> None:
        account = answer.get("answer")
        files = account.get("files") if isinstance(account, dict) else None
        if answer.get("outcome") != "ended" or not isinstance(files, list):
            self.whole = False
        else:
            self.files |= {str(file) for file in files}


@dataclass(frozen=True, slots=True)
class Matter:
    """A finding, and what its programs are made of."""

    said: Diagnostic
    text: str
    home: Home
    page: Page
    read: Read

    def cases(self, extent: Extent) -> Mapping[str, Case | None]:
        """All programs that may run for it, by arm. Raises NotCut."""
        written, control = make_cases(self.said, self.text, self.home, extent, self.read)
        planted = make_planted(self.said, self.text, self.home, extent, self.read)
        return {"written": written, "control": control, "planted": planted}

    def started(self, file: str) -> Mapping[str, Case | None]:
        """The programs that start from a script. Raises NotCut, and StopIteration where it is none any more."""
        starts = chosen_starts(self.said, self.text, self.home, self.read)
        start = next(one for one in starts if one.file == file)
        written, control = make_started(self.said, start, self.home, self.read)
        return {"written": written, "control": control}

    def programs(self, extent: Extent) -> Iterator[str]:
        """The same, each as a text."""
        try:
            cases = self.cases(extent)
        except NotCut as error:
            yield str(error)
            return
        needs = self.page.rule.needs
        yield from (shape(case, needs) if case is not None else "" for case in cases.values())

    def smaller(self) -> str:
        """A print of what is tried where the program as a whole gives no verdict."""
        extents = dict.fromkeys(extent for extent, _ in smaller_cuts(self.page.rule, self.home))
        starts = chosen_starts(self.said, self.text, self.home, self.read)
        return print_of(
            *(program for extent in extents for program in self.programs(extent)),
            *(part for start in starts for part in (start.file, start.text)),
        )


class Recall:
    """The cache folder during one run. Safe to use from several threads."""

    def __init__(self, folder: Path, environment: str, plan: Plan) -> None:
        self.folder = folder
        self._plan = plan
        self._surroundings = (environment, package_print(), repr(plan))
        self._began = time.time_ns()
        self._found: dict[Path, tuple[dict[str, str], dict[str, str]]] = {}
        self._lock = threading.Lock()

    def key(self, matter: Matter) -> str:
        """What the verdict on a finding is found by."""
        rule = (matter.said.name, content_print(str(matter.page.file)))
        return print_of(*self._surroundings, *rule, *matter.programs("program"))

    def trial(self, key: str, matter: Matter) -> Trial | None:
        """What is remembered, with its programs."""
        kept = verdict_of(self.folder, key)
        if kept is None or kept.made.get("text", print_of(matter.text)) != print_of(matter.text):
            return None
        if "smaller" in kept.made and kept.made["smaller"] != matter.smaller():
            return None
        try:
            return _rebuilt(kept, matter)
        except (NotCut, KeyError, TypeError, StopIteration):
            return None

    def keep(self, key: str, trial: Trial, matter: Matter, reads: Reads) -> bool:
        """Remember a verdict that would be the same the next time; whether it is remembered now."""
        if not reads.whole or trial.verdict.reason in PASSING:
            return False
        home = matter.home
        root = os.path.realpath(home.root) if home.root else ""
        paths = {path for path in reads.files if root and f"{path}{os.sep}".startswith(root + os.sep)}
        modules = {os.path.dirname(path) for path in paths if path.endswith(".py")}
        paths |= {f"{folder}{os.sep}" for folder in (root, home.folder, *home.search, *modules) if folder}
        if any(_changed_since(path, self._began) for path in paths):
            return False
        made: dict[str, object] = {
            "extent": trial.extent, "arms": list(trial.arms), "choices": dict(trial.choices),
            "bare": any(case.bare for case in trial.arms.values()),
        }  # fmt: skip
        if NAMES_A_LINE.search(trial.verdict.evidence):
            made["text"] = print_of(matter.text)
        if trial.start:
            made["start"] = trial.start
        if trial.start or trial.extent != "program" or trial.verdict.reason in TRY_OTHERS:
            made["smaller"] = matter.smaller()
        files = {path: content_print(path) for path in sorted(paths)}
        remember(self.folder, key, Remembered(trial.verdict, files, made))
        return True

    def place(self, file: Path, key: str, matter: Matter) -> None:
        """Note which finding has the verdict, for those who only look."""
        with self._lock:
            keys, rules = self._found.setdefault(file, ({}, {}))
            name = matter.said.fingerprint
            keys[name], rules[name] = key, content_print(str(matter.page.file))

    def close(self) -> None:
        for file, (keys, rules) in self._found.items():
            if not _changed_since(str(file), self._began):
                remember_places(self.folder, file, keys, rules)
        prune(self.folder)


def _changed_since(path: str, moment: int) -> bool:
    try:
        return os.stat(path).st_mtime_ns >= moment
    except FileNotFoundError:
        return False  # as it was: an empty print says so, and finds out when something comes to be there
    except OSError:
        return True


def _rebuilt(kept: Remembered, matter: Matter) -> Trial:
    """The programs of a verdict, cut anew."""
    extent: Extent = kept.made["extent"]
    start = str(kept.made.get("start") or "")
    cases = matter.started(start) if start else matter.cases(extent)
    bare = bool(kept.made["bare"])
    arms = {name: replace(case, bare=bare) for name in kept.made["arms"] if (case := cases[name]) is not None}
    verdict = replace(kept.verdict, earlier=True)
    return Trial(verdict, arms, dict(kept.made["choices"]), extent, start)


def shape(case: Case, needs: Needs) -> str:
    """What is asked of the sandbox for a program, less the lines that its statements happen to stand in."""
    lines = case.program.split("\n")
    spans = [lines_of(node) for node in ast.parse(case.program).body]

    def place(line: int) -> str:
        within = [number for number, (first, _) in enumerate(spans) if first <= line]
        return f"{within[-1]}+{line - spans[within[-1]][0]}" if within else str(line)

    request = case.request(needs, 0, {})
    request["program"] = ["\n".join(lines[first - 1 : last]) for first, last in spans]
    for name in ("focus", "spots", "rests"):
        request[name] = [[place(first), place(last)] for first, last in getattr(case, name)]
    return json.dumps(request, sort_keys=True)
