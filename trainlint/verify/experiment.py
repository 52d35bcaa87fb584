"""One finding's experiment: both arms under all seeds, in the sandbox, then the verdict."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from trainlint.diagnostic import Diagnostic, Verdict
from trainlint.rule import Rule
from trainlint.run import Run
from trainlint.verify.case import Case, Read, is_changed_elsewhere, make_cases, make_planted, make_started
from trainlint.verify.cut import Extent, NotCut
from trainlint.verify.judge import Arm, inconclusive, judge, read_run
from trainlint.verify.place import Home
from trainlint.verify.series import series_of
from trainlint.verify.starts import Start, starts_of
from trainlint.verify.statements import ends_without_a_gpu, is_unread

Ask = Callable[[Mapping[str, object]], Mapping[str, Any]]
STARTS_TRIED = 2  # scripts that run the flagged file
OPTIONS_TRIED = 3  # kinds of targets, where the data is a stand-in and the program refuses the first
TRY_SMALLER = {
    "missing-name",
    "raised",
    "control-raised",
    "not-reached",
    "timed-out",
    "out-of-memory",
    "died",
    "not-cut",
}
TRY_OTHERS = TRY_SMALLER | {"blind"}  # then scripts are tried that run the file
SEES_NOTHING = {"blind", "control-raised"}  # what a planted defect may turn into a refutation
OWN_BATCHES: Mapping[str, object] = {"batches": "own"}
FEW_BATCHES: dict[str, object] = {
    "batches": "few",  # of two, where larger ones take too long, or too much memory
    "hurry": True,  # and a share of the time for each epoch
}
CUT_SHORT = {"blind", "not-reached"}  # what a run may come to that had no time for its later epochs


@dataclass(frozen=True, slots=True)
class Plan:
    """How experiments run. `seeds` None: as many as the rule needs. `memory` in bytes, per experiment."""

    device: str = "cpu"
    seeds: int | None = None
    timeout: float = 20.0
    memory: int = 3 << 30


@dataclass(frozen=True, slots=True)
class Trial:
    """A verdict and the programs it rests on, none where nothing ran: `choices` are what made them run."""

    verdict: Verdict
    arms: Mapping[str, Case] = field(default_factory=dict)  # written, control and, where it was run, planted
    choices: Mapping[str, object] = field(default_factory=dict)
    extent: Extent = "program"
    start: str = ""  # the script that the programs are, where it is another file that is flagged
    idle: bool = False  # nothing happened in it but that the flagged lines ran

    def requests(self, rule: Rule, plan: Plan) -> dict[str, list[Mapping[str, object]]]:
        """What the sandbox was asked to run, by arm, a request for each seed."""
        seeds = range(plan.seeds or rule.needs.seeds)
        return {
            name: [_request(case, rule, plan, seed, self.choices) for seed in seeds]
            for name, case in self.arms.items()
        }


def experiment(
    diagnostic: Diagnostic,
    text: str,
    home: Home,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    read: Read | None = None,
) -> Verdict:
    """The verdict on one finding."""
    return investigate(diagnostic, text, home, rule, plan, ask, read).verdict


def investigate(
    diagnostic: Diagnostic,
    text: str,
    home: Home,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    read: Read | None = None,
) -> Trial:
    """The verdict on one finding, and what ran. Never raises: what can go wrong is a verdict of its own.

    Where the whole program cannot run, less of it is tried: the flagged function by itself, then, if the rule says
    that this is enough, the flagged statement. `read` gives other files that the control changes.
    """
    began = time.monotonic()
    kept: list[Mapping[str, Any]] = []

    def noted(request: Mapping[str, object]) -> Mapping[str, Any]:
        answer = ask(request)
        kept.append({name: answer[name] for name in ("protections", "versions") if name in answer})
        return answer

    trial = _experiment(diagnostic, text, home, rule, plan, noted, read)
    seconds = round(time.monotonic() - began, 3)
    versions: Mapping[str, str] = next((answer["versions"] for answer in kept if "versions" in answer), {})
    return replace(
        trial,
        verdict=replace(
            trial.verdict, device=plan.device, seconds=seconds, protections=_always(kept), versions=versions
        ),
    )


def _always(answers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The protections that held in all runs."""
    held = [answer["protections"] for answer in answers if "protections" in answer]
    return tuple(str(name) for name in held[0] if all(name in names for names in held)) if held else ()


def _experiment(
    diagnostic: Diagnostic, text: str, home: Home, rule: Rule, plan: Plan, ask: Ask, read: Read | None
) -> Trial:
    if rule.needs.device == "cuda" and not plan.device.startswith("cuda"):
        return Trial(inconclusive("needs-cuda"))
    if rule.needs.ranks > 1:
        return Trial(inconclusive("unsupported", "several processes"))
    if (
        rule.needs.checkpoints == "cuda"
        and not plan.device.startswith("cuda")
        and ends_without_a_gpu(text, diagnostic.where.line)
    ):
        return Trial(inconclusive("needs-cuda", "without one the program ends before it comes there"))
    if rule.needs.criterion and is_unread(text, diagnostic.where.line):
        return Trial(inconclusive("blind", "nobody reads what the flagged line computes"))
    first = trial = _attempt(diagnostic, text, home, rule, plan, ask, "program", read)
    made_up = False  # whether the last attempt let everything fail: seeing nothing then says little
    for extent, bare in smaller_cuts(rule, home):
        if trial.verdict.reason not in (TRY_SMALLER | {"blind"} if made_up or trial.idle else TRY_SMALLER):
            break
        made_up = bare
        trial = _attempt(diagnostic, text, home, rule, plan, ask, extent, read, bare)
    if trial.verdict.state == "confirmed" and rule.needs.checkpoints == "cuda":
        return _unless_callers_need_a_gpu(trial, diagnostic, text, home, rule, plan, ask, read)
    idle = first.verdict.reason == "both-arms" and is_changed_elsewhere(diagnostic)
    if trial.verdict.state == "inconclusive" and (first.verdict.reason in TRY_OTHERS or idle):
        trial = _started(diagnostic, text, home, rule, plan, ask, read)
    return trial if trial.verdict.state != "inconclusive" else first


def _started(
    diagnostic: Diagnostic, text: str, home: Home, rule: Rule, plan: Plan, ask: Ask, read: Read | None
) -> Trial:
    """What the scripts show that run the flagged file; they confirm, and refute nothing."""
    for start in chosen_starts(diagnostic, text, home, read):
        for bare in (False, True):
            trial = _attempt_from(start, diagnostic, home, rule, plan, ask, read, bare)
            if trial.verdict.state == "confirmed":
                return trial
    return Trial(inconclusive("not-reached"))


def _unless_callers_need_a_gpu(
    trial: Trial,
    diagnostic: Diagnostic,
    text: str,
    home: Home,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    read: Read | None,
) -> Trial:
    """A load is harmless in a function whose callers put what they get on a GPU anyway."""
    for start in chosen_starts(diagnostic, text, home, read)[:1]:
        called = _attempt_from(start, diagnostic, home, rule, plan, ask, read, False)
        if called.verdict.reason == "needs-cuda":
            return called
    return trial


def chosen_starts(diagnostic: Diagnostic, text: str, home: Home, read: Read | None) -> list[Start]:
    """The scripts that are tried for a finding, the likeliest ones."""
    if not home.root or read is None or not diagnostic.where.path.endswith(".py"):
        return []
    file = read(diagnostic.where.path)[0]
    return list(islice(starts_of(file, text, diagnostic.where.line, home.root), STARTS_TRIED))


def _attempt_from(
    start: Start,
    diagnostic: Diagnostic,
    home: Home,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    read: Read | None,
    bare: bool,
) -> Trial:
    assert read is not None
    try:
        written, control = make_started(diagnostic, start, home, read)
    except NotCut as error:
        return Trial(inconclusive("not-cut", str(error)))
    if control is None:
        return Trial(inconclusive("no-control"))
    written, control = replace(written, bare=bare), replace(control, bare=bare)
    trial = _compared(written, control, rule, plan, ask)
    said = f"{trial.verdict.evidence}; started from {os.path.relpath(start.file, home.root)}"
    return replace(trial, start=start.file, verdict=replace(trial.verdict, evidence=said))


def smaller_cuts(rule: Rule, home: Home) -> Iterator[tuple[Extent, bool]]:
    """What is tried where the program as a whole gives no verdict; the second value: what its loops compute may fail."""
    if not home.root:
        return
    yield "function", False
    yield "program", True
    yield "function", True
    if rule.needs.alone:
        yield "statement", False


def _attempt(
    diagnostic: Diagnostic,
    text: str,
    home: Home,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    extent: Extent,
    read: Read | None,
    bare: bool = False,
) -> Trial:
    """The verdict of as much of the program as `extent` says."""
    try:
        written, control = make_cases(diagnostic, text, home, extent, read)
    except NotCut as error:
        return Trial(inconclusive("not-cut", str(error)))
    if control is None:
        return Trial(inconclusive("no-control"), {"written": written}, extent=extent)
    if control.program == written.program and not control.overlay:
        return Trial(inconclusive("not-cut", "what its control changes lies elsewhere"))
    written, control = replace(written, bare=bare), replace(control, bare=bare)
    planted = None
    if not bare and diagnostic.plant is not None:
        with contextlib.suppress(NotCut):  # the plant fits no program
            planted = make_planted(diagnostic, text, home, extent, read)
    trial = replace(_compared(written, control, rule, plan, ask, planted), extent=extent)
    if diagnostic.beside is None or trial.verdict.state == "inconclusive":
        return trial
    said = f"{trial.verdict.evidence}; both programs without what else the rule finds there"
    return replace(trial, verdict=replace(trial.verdict, evidence=said))


def _compared(
    written: Case, control: Case, rule: Rule, plan: Plan, ask: Ask, planted: Case | None = None
) -> Trial:
    """What both programs show; where they show nothing, what the planted defect does.

    Where there was no time for several epochs, they are run again with a share of it for each.
    """
    settled, choices = settle(control, rule, plan, ask)
    if _has_more_epochs(settled, rule, choices):
        trial = _shown(written, control, rule, plan, ask, None, settled, choices)
        if trial.verdict.reason not in CUT_SHORT | SEES_NOTHING:
            return trial
        if trial.verdict.reason in CUT_SHORT:
            settled, choices = settle(control, rule, plan, ask, FEW_BATCHES)
    return _shown(written, control, rule, plan, ask, planted, settled, choices)


def _has_more_epochs(answer: Mapping[str, Any], rule: Rule, choices: Mapping[str, object]) -> bool:
    """Whether a run ended for lack of time that was to train for more than one epoch."""
    late = bool((answer.get("answer") or {}).get("late"))
    return late and rule.needs.epochs > 1 and rule.needs.batches != "own" and not choices.get("hurry")


def _shown(
    written: Case,
    control: Case,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    planted: Case | None,
    settled: Mapping[str, Any],
    choices: Mapping[str, object],
) -> Trial:
    """What both programs show under choices that the control has been run with."""
    cases = {"written": written, "control": control}
    ended = read_run(settled, 0)
    if not isinstance(ended, Run):  # whatever the other arm does decides nothing any more
        return Trial(judge(rule, Arm(), Arm((), *ended)), cases, choices)
    arms = (
        run_arm(written, rule, plan, ask, choices),
        run_arm(control, rule, plan, ask, choices, settled),
    )
    series = series_of(arms[0].runs[0], arms[1].runs[0]) if arms[0].runs and arms[1].runs else ()
    idle = all(event.kind == "reached" for arm in arms for run in arm.runs for event in run.events)
    verdict = judge(rule, *arms)
    if verdict.reason not in SEES_NOTHING or planted is None or idle:
        return Trial(replace(verdict, series=series), cases, choices, idle=idle)
    verdict = judge(rule, *arms, run_arm(planted, rule, plan, ask, choices))
    return Trial(replace(verdict, series=series), {**cases, "planted": planted}, choices)


def settle(
    control: Case, rule: Rule, plan: Plan, ask: Ask, given: Mapping[str, object] | None = None
) -> tuple[Mapping[str, Any], Mapping[str, object]]:
    """Run the control once, on other data if it raises; the answer and the choices that worked."""
    given = given or {}
    first = answer = ask(_request(control, rule, plan, 0, given))
    if given:
        return first, {**given, **_choices(first)}
    if first.get("outcome") in ("timed-out", "out-of-memory") and rule.needs.batches != "own":
        answer = ask(_request(control, rule, plan, 0, FEW_BATCHES))
        return answer, {**FEW_BATCHES, **_choices(answer)}
    for choices in _alternatives(first) if _raised(first) else ():
        answer = ask(_request(control, rule, plan, 0, choices))
        if not _raised(answer):
            return answer, _choices(answer)
    return first, _choices(first)


def _alternatives(answer: Mapping[str, Any]) -> Iterator[Mapping[str, object]]:
    """What to try where a program raised: batches as large as it says, other targets for stand-in data."""
    account = answer.get("answer") or {}
    if any("batches of" in str(what) for what in account.get("substituted") or ()):
        yield OWN_BATCHES
    if str((account.get("raised") or {}).get("type")) == "UnboundLocalError":
        yield {"switches": True}
    options = _choices(answer).get("options")
    for variant in range(1, min(options, OPTIONS_TRIED) if isinstance(options, int) else 1):
        yield {"variant": variant}


def run_arm(
    case: Case,
    rule: Rule,
    plan: Plan,
    ask: Ask,
    choices: Mapping[str, object],
    first: Mapping[str, Any] | None = None,
) -> Arm:
    """All seeds of one arm; `first` is the answer for seed 0 where it is known already."""
    runs: list[Run] = []
    for seed in range(plan.seeds or rule.needs.seeds):
        answer = first if first is not None and not seed else ask(_request(case, rule, plan, seed, choices))
        run = read_run(answer, seed)
        if not isinstance(run, Run):
            return Arm((), *run)
        runs.append(run)
    return Arm(tuple(runs))


def _request(
    case: Case, rule: Rule, plan: Plan, seed: int, choices: Mapping[str, object]
) -> Mapping[str, object]:
    limits = {"device": plan.device, "seconds": plan.timeout, "memory": plan.memory}
    return {**case.request(rule.needs, seed, choices), **limits}


def _choices(answer: Mapping[str, Any]) -> Mapping[str, object]:
    account = answer.get("answer")
    choices = account.get("choices") if isinstance(account, dict) else None
    return choices if isinstance(choices, dict) else {}


def _raised(answer: Mapping[str, Any]) -> bool:
    account = answer.get("answer")
    return isinstance(account, dict) and bool(account.get("raised"))
