"""From runs to a verdict: a symptom as written and none in the control, or a reason why there is no verdict.

The vocabulary of reasons is fixed here and explained in docs/verification.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trainlint.diagnostic import Verdict
from trainlint.rule import Rule
from trainlint.run import Effect, Event, Run, Runs

REASONS: Mapping[str, str] = {
    "symptom": "the program shows the symptom, the control does not",
    "structure": "the program runs as the rule says; no harm beyond that was measured",
    "no-symptom": "the program does not show the symptom, though this rig shows it when the defect is planted",
    "no-control": "there is no edit to compare with",
    "not-cut": "the program could not be cut out",
    "missing-name": "the program needs something that is not here",
    "lost-weights": "the experiment is about the weights that training starts with, and these are not here",
    "raised": "the program raised before the symptom could show",
    "control-raised": "the control raised",
    "timed-out": "the program did not end in time",
    "out-of-budget": "the time of the whole run was over before",
    "out-of-memory": "the program took more memory than it may",
    "died": "the program ended without an account",
    "tampered": "the program interfered with the recorder",
    "both-arms": "the control shows the symptom as well",
    "only-control": "only the control shows the symptom",
    "not-reached": "the flagged lines never ran",
    "blind": "neither program shows the symptom, and nothing says that this rig could show it",
    "needs-cuda": "the experiment needs a GPU",
    "unsupported": "the experiment is of a kind that is not supported yet",
    "rule-failed": "the rule's symptom raised: a defect of trainlint",
    "sandbox-lost": "the sandbox ended unexpectedly",
}
OUTCOMES = {
    "timed-out": "timed-out",
    "out-of-budget": "out-of-budget",
    "out-of-memory": "out-of-memory",
    "too-many-tasks": "died",
    "flooded": "died",
    "died": "died",
    "tampered": "tampered",
    "keeper-lost": "sandbox-lost",
    "sandbox-lost": "sandbox-lost",
}
LINE = re.compile(r"\bline \d+")
LONGEST, MOST_STAND_INS = 400, 100  # of what the program's own account may bring into a verdict
HARMLESS = re.compile(  # substitutions after which a program still does by itself what it is asked about
    r"(batches of|checkpoint file:|cuda:|data: stand-in|files written|pretrained weights:|torch\.compile:|torchvision:) ?.*"
    r"|\w+: (not installed, inert|stand-in samples.*)|[\w.]+: -?[\d.e-]+|argument \w+: (?!True|False|None).*"
    r"|\w+: stand-in (inert|device|rate|count|path|zero|list|dict|classes|features|loaders?|sizes|dataset|inputs|targets|batch)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One version of the program under all seeds: its runs, or why there are none."""

    runs: Runs = ()
    reason: str = ""
    detail: str = ""

    @property
    def raised(self) -> str:
        return next((run.raised for run in self.runs if run.raised), "")


def judge(rule: Rule, written: Arm, control: Arm | None, planted: Arm | None = None) -> Verdict:
    """The verdict on a finding by what its arms did."""
    if written.reason:
        return inconclusive(written.reason, written.detail)
    if control is None:
        return inconclusive("no-control")
    if rule.needs.weights == "own" and (lost := _lost_weights(written)):
        return inconclusive("lost-weights", lost)
    if control.reason:
        return inconclusive(control.reason, f"control: {control.detail}" if control.detail else "")
    try:
        if control.raised and not _raised_alike(written, control):
            refuted = _refuted(rule, written, written, planted)
            return refuted or inconclusive("control-raised", control.raised)
        return _weigh(rule, written, control, planted)
    except Exception as error:  # a rule's symptom is code that may be anybody's
        return inconclusive("rule-failed", f"{type(error).__name__}: {error}")


def _weigh(rule: Rule, written: Arm, control: Arm, planted: Arm | None) -> Verdict:
    assert rule.symptom is not None
    if rule.needs.checkpoints == "cuda" and any(map(_needs_a_gpu, (*written.runs, *control.runs))):
        return inconclusive("needs-cuda", "without one the program ends, whatever it loads")
    compared = _as_near(control.runs, written.runs)
    effect = rule.symptom(written.runs, compared)
    mirrored = rule.symptom(compared, written.runs)
    reached = any(run.all("reached") for run in written.runs)
    if effect and mirrored and not reached:
        return inconclusive("not-reached")
    if (
        effect and mirrored and written.raised and control.raised
    ):  # before the control could show what it is for
        return inconclusive("raised", written.raised)
    if effect and mirrored:
        return inconclusive("both-arms", mirrored.sentence)
    if mirrored:
        return inconclusive("only-control", mirrored.sentence)
    if effect:
        said = [what for run in written.runs for what in run.substituted]
        supposed = any(": made-up outputs" in what for what in said)
        supposed |= bool(rule.needs.criterion) and any("stand-in criterion" in what for what in said)
        return _confirmed(effect, written.runs, control.raised, supposed)
    if written.raised:
        missing = written.raised.startswith(
            ("NameError", "ModuleNotFoundError", "ImportError", "FileNotFoundError")
        )
        return inconclusive("missing-name" if missing else "raised", written.raised)
    refuted = _refuted(rule, written, control, planted)
    return refuted or inconclusive("blind" if reached else "not-reached")


def _as_near(control: Runs, written: Runs) -> Runs:
    """The runs of a control whose flagged statement ran, asked for what is as near to it as in the program.

    A control may take away what is flagged; the same of the lines beside it is another finding. What it moves to other
    lines is still looked at.
    """
    if not all(run.all("reached") for run in control):
        return control
    nearest: dict[str, int] = {}
    for kind in {event.kind for run in written for event in run.events}:
        level = max(event.nearness for run in written for event in run.all(kind))
        if _beside(control, kind, level) <= _beside(written, kind, level):
            nearest[kind] = level
    return tuple(replace(run, nearest=nearest) for run in control)


def _beside(runs: Runs, kind: str, level: int) -> int:
    return sum(event.nearness < level for run in runs for event in run.all(kind))


def _refuted(rule: Rule, written: Arm, compared: Arm, planted: Arm | None) -> Verdict | None:
    """A program that shows nothing, in an experiment that shows the defect where it is planted.

    It has to be the user's own program that shows nothing: what a stand-in does refutes nobody.
    """
    if planted is None or planted.reason or written.raised or rule.symptom is None:
        return None
    reached = all(run.all("reached") for run in written.runs)
    if not reached or any(not harmless(what) for run in written.runs for what in run.substituted):
        return None
    if any(rule.symptom(one.runs, planted.runs) for one in (written, compared)):
        return None
    if not rule.symptom(planted.runs, written.runs):
        return None
    effect = rule.symptom(planted.runs, compared.runs)
    if effect is None:
        return None
    said = f"with the defect planted where it is flagged, {effect.sentence}; as written there is nothing of the kind"
    return Verdict("refuted", "no-symptom", said, dict(_measured(effect, written.runs)))


def harmless(substituted: str) -> bool:
    """Whether what a substitution stands for cannot decide if a program shows a symptom."""
    return HARMLESS.fullmatch(substituted) is not None


def _lost_weights(arm: Arm) -> str:
    """The weights that the program starts with and that are not here."""
    lost = re.compile(
        r"(checkpoint file|pretrained weights): .*|model: stand-in|.*: a small stand-in network"
    )
    return next((what for run in arm.runs for what in run.substituted if lost.fullmatch(what)), "")


def _needs_a_gpu(run: Run) -> bool:
    """Whether a program puts something on a GPU where there is none, and is not one of several processes.

    What each of several loads lands on the first GPU.
    """
    return bool(run.all("gpu")) and not run.has_instead("distributed")


def _raised_alike(written: Arm, control: Arm) -> bool:
    """Whether both programs got equally far and then raised the same: what came before can be compared."""
    said = [LINE.sub("", arm.raised) for arm in (written, control)]  # which the control's edit may have moved
    return said[0] == said[1] and _calls(written) == _calls(control)


def _calls(arm: Arm) -> int:
    return sum(len(run.all("forward")) for run in arm.runs)


def _confirmed(effect: Effect, runs: Runs, ended: str = "", supposed: bool = False) -> Verdict:
    """`supposed`: the loss function is one of the kind that the finding says, or a network's outputs are made up."""
    stand_ins = sorted(
        {what.partition(":")[0] for run in runs for what in run.substituted if "stand-in" in what}
    )
    evidence = effect.sentence + (f" (stand-ins: {', '.join(stand_ins)})" if stand_ins else "")
    evidence += f"; afterwards both programs raise {ended}" if ended else ""
    reason = "structure" if effect.structure_only or supposed else "symptom"
    return Verdict("confirmed", reason, evidence, dict(_measured(effect, runs)))


def _measured(effect: Effect, runs: Runs) -> Iterator[tuple[str, object]]:
    yield from ((name, _plain(value)) for name, value in effect.measurements.items())
    substituted = sorted({what for run in runs for what in run.substituted})
    if substituted:
        yield "substituted", substituted


def inconclusive(reason: str, detail: str = "") -> Verdict:
    """No verdict, and why."""
    return Verdict("inconclusive", reason, REASONS[reason] + (f": {detail}" if detail else ""))


def read_run(answer: Mapping[str, Any], seed: int) -> Run | tuple[str, str]:
    """A run from the sandbox's answer, or the reason and detail of why it is none."""
    outcome = str(answer.get("outcome"))
    if outcome != "ended":
        return OUTCOMES.get(outcome, "died"), str(answer.get("detail") or "")
    account = answer.get("answer")
    if not isinstance(account, dict):
        return "tampered", ""
    if account.get("tampered"):
        return "tampered", f"{account['tampered']} was replaced"[:LONGEST]
    raised = account.get("raised")
    return Run(
        seed,
        tuple(_event(entry) for entry in _listed(account.get("events")) if isinstance(entry, dict)),
        _said(raised) if isinstance(raised, dict) else None,
        tuple(str(what)[:LONGEST] for what in _listed(account.get("substituted"))[:MOST_STAND_INS]),
    )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _event(entry: Mapping[str, Any]) -> Event:
    data = entry.get("data")
    step = entry.get("step")
    return Event(
        str(entry.get("kind")), step if isinstance(step, int) else 0, data if isinstance(data, dict) else {}
    )


def _said(raised: Mapping[str, Any]) -> str:
    line = raised.get("line")
    words = f"{raised.get('type')}: {raised.get('message')}"[:LONGEST]
    return words + (f" (line {line})" if isinstance(line, int) and line else "")


def _plain(value: object) -> object:
    """A measurement that every JSON reader takes: finite numbers, rounded to what was measured."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
