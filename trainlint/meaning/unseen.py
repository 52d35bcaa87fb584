"""What a fragment calls and does not show: the function that trains for it."""

from __future__ import annotations

import re

from trainlint.meaning.optimizers import optimizer
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Argument, Constant, Free, Value, one, options


def trains_unseen(event: Event) -> bool:
    """Whether a fragment calls a function for it that it does not show: `train(model, loader, optimizer)`."""
    target = one(event.target)
    if event.kind != "forward" or not isinstance(target, Free):
        return False
    if re.search("train|fit|learn", target.name.lower()) is None:
        return False
    return any(may_be_optimizer(value) for value in event.inputs)


def trains_by_name(event: Event) -> bool:
    """Whether a fragment calls a function in a loop that it does not show, and that is called `train` and no more."""
    target = one(event.target)
    if event.kind != "forward" or not isinstance(target, Free) or event.loop is None:
        return False
    return _TRAINING.fullmatch(target.name.lower()) is not None


_TRAINING = re.compile(
    r"(do_)?(train|fit)(ing)?(_(for|an|a|one|single))*(_(epoch|model|net|network|loop|step))?"
)


def is_left_out(value: Value) -> bool:
    """`train(...)`: the documentation's way to write whatever it takes."""
    found = one(value)
    return isinstance(found, Constant) and found.value is ...


def may_be_optimizer(value: Value) -> bool:
    if any(optimizer(option) is not None for option in options(value)) or is_left_out(value):
        return True
    found = one(value)
    return isinstance(found, (Free, Argument)) and found.name.lower().removeprefix("self.").startswith("opt")
