"""What a setting says a run is for: `if args.do_train:`, `if mode == "train": ... else: ...`."""

from __future__ import annotations

from trainlint.meaning.dataflow import operation
from trainlint.meaning.facts.settings import NAMESPACES
from trainlint.meaning.objects import find_member, is_of_project_alone
from trainlint.meaning.syntax import Attribute, Unary
from trainlint.meaning.trace import Event, Leave, Region
from trainlint.meaning.trace import Item as Happening
from trainlint.meaning.values import (
    MISSING,
    Argument,
    Class,
    Constant,
    External,
    Instance,
    Member,
    Result,
    Unknown,
    Value,
    constant,
    one,
    options,
)

_TRAINING = ("train", "do_train", "is_train", "training", "train_model", "run_train")
_OTHERS = (
    "test",
    "testing",
    "eval",
    "evaluate",
    "evaluation",
    "val",
    "valid",
    "validation",
    "infer",
    "inference",
)


def is_setting_for_training(test: Value) -> bool:
    """Whether a condition is a setting of the user's that says if this run trains: `args.do_train`."""
    match one(test):
        case Constant(under=str(flag), asked=asked):
            return flag.strip("-").lower() in _TRAINING or (asked is not None and asked[1] in _TRAINING)
        case Member(receiver=Argument() | Unknown(), name=name):
            return name.lower() in _TRAINING
    return False


def is_told_not_to_evaluate(arm: Region) -> bool:
    """Whether an arm is left out where a setting of the user's asks for evaluation: `if not args.evaluate:`."""
    match one(arm.truth) if arm.truth is not None else None:
        case Constant(under=str(flag), asked=None):
            return not arm.holds and _asks_to_evaluate(flag)
        case Constant(under=str(flag), asked=("not", _) | ("==", False)):
            return arm.holds and _asks_to_evaluate(flag)
        case Member(receiver=Argument() | Unknown(), name=name):
            return not arm.holds and _asks_to_evaluate(name)
        case Result(
            callee=External(name="operator.unarynot"),
            arguments=[Member(receiver=Argument() | Unknown(), name=name)],
        ):
            return arm.holds and _asks_to_evaluate(name)
    return False


def _asks_to_evaluate(flag: str) -> bool:
    said = flag.strip("-").lower().replace("-", "_")
    return said.removesuffix("_only").removeprefix("only_").removeprefix("do_") in _OTHERS


def is_not_for_training(arm: Region) -> bool:
    """Whether an arm is taken only in runs that do not train: the `else` of `if mode == "train":`."""
    if arm.kind != "arm" or arm.truth is None:
        return False
    if is_setting_for_training(arm.truth):
        return not arm.holds
    trains = _compares_with_a_phase(arm.truth)
    return trains is not None and trains is not arm.holds


def _compares_with_a_phase(test: Value) -> bool | None:
    """Whether training is what a comparison with the name of a phase holds for; None where it is no such one."""
    for option in options(test):
        if not isinstance(option, Result) or operation(option) not in ("operator.==", "operator.!="):
            continue
        said = [constant(side) for side in option.arguments if constant(side) is not MISSING]
        words = [word.lower() for word in said if isinstance(word, str)]
        if len(words) == 1 and words[0] in (*_TRAINING, *_OTHERS):
            return (words[0] in _TRAINING) is (operation(option) == "operator.==")
    return None


def asks_for_mode(arm: Region) -> bool:
    """Whether an arm depends on a mode that was read before: `was_training = model.training`."""
    tests = options(arm.truth) if arm.truth is not None else []
    return bool(tests) and all(map(_is_of_mode, tests))


def asks_now(arm: Region) -> bool:
    """Whether an arm asks for a mode itself, `if model.training:`, and not for what was read before."""
    test = arm.test.operand if isinstance(arm.test, Unary) else arm.test
    return isinstance(test, Attribute) and test.name == "training" and asks_for_mode(arm)


def mode_in(arm: Region) -> bool | None:
    """The mode that an arm is taken in, where its condition asks for one."""
    if not asks_for_mode(arm) or arm.truth is None:
        return None
    found = {arm.holds is not isinstance(test, Result) for test in options(arm.truth)}
    return found.pop() if len(found) == 1 else None


def _is_of_mode(test: Value) -> bool:
    if isinstance(test, Result) and isinstance(test.callee, External) and test.arguments:
        if not test.callee.name.startswith("operator.unary"):
            return False
        test = one(test.arguments[0])
    return isinstance(test, Member) and test.name == "training" and not _keeps_settings(test.receiver)


def _keeps_settings(holder: Value) -> bool:
    """Whether an object is none of torch's, and has no mode: its `training` says what the run is for."""
    match one(holder):
        case Instance(cls=External(name=name)):
            return name in NAMESPACES
        case Instance(cls=Class() as cls):
            return is_of_project_alone(cls) and find_member(cls, "__getattr__") is None
    return False


def needs_train_mode(event: Event, outer: Region) -> bool:
    """Whether something happens in train mode only, as the code around it says: `if not model.training: return loss`."""
    inner = event.region
    for region in event.region.ancestors():
        if region.kind == "arm" and mode_in(region) is True:
            return True
        for earlier in region.items:
            if earlier is inner or earlier is event:
                break
            if (
                type(earlier) is Region
                and earlier.kind == "branch"
                and any(map(_leaves_in_eval, earlier.items))
            ):
                return True
        if region is outer:
            return False
        inner = region
    return False


def _leaves_in_eval(arm: Happening) -> bool:
    if type(arm) is not Region or not arm.items or mode_in(arm) is not False:
        return False
    return type(arm.items[-1]) is Leave
