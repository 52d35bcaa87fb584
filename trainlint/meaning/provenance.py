"""Networks that come with trained weights: from a library, from a file, or made of the parts of one that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.architecture import pretrained
from trainlint.meaning.dataflow import same
from trainlint.meaning.modules import mode_dependent
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Item,
    Member,
    Result,
    Unpacked,
    Value,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_DEPTH = 4  # copies of parts of copies


def comes_trained(program: Program, model: Value) -> bool:
    """Whether a network has trained weights in each of its alternatives, in a part at least that depends on the mode."""
    made = [o for o in options(model) if not (isinstance(o, Constant) and o.value is None)]
    return bool(made) and all(_comes_trained(program, option, _DEPTH) for option in made)


def _comes_trained(program: Program, model: Value, depth: int) -> bool:
    if not isinstance(model, Instance) or not depth:
        return False
    origins = [e.target for e in program.events("remember") if e.value is model and e.target is not None]
    origins += [origin for given in model.arguments if (origin := _taken_apart(given)) is not None]
    if any(_is_switched(program, origin) for origin in origins):
        return False
    if any(mode_dependent(layer) is not False for layer in pretrained(model)):
        return True
    if any(same(option, model) is True for e in program.events("load_state") for option in options(e.target)):
        return True
    return any(_comes_trained(program, one(origin), depth - 1) for origin in origins)


def _is_switched(program: Program, network: Value) -> bool:
    """Whether something may put a network into eval mode: its copies, and its parts, may be in that mode as well."""
    switches = (e for e in program.events("mode") if e.detail is not True and e.target is not None)
    return any(same(event.target, network) is not False for event in switches)


def _taken_apart(given: Value) -> Value | None:
    """The network whose parts go into another: of `nn.Sequential(*list(net.children())[:-1])`."""
    source = one(given.source) if isinstance(given, Unpacked) else given
    if isinstance(source, Item) and source.key is not None:
        source = one(source.source)
    if isinstance(source, Result) and isinstance(source.callee, External) and source.arguments:
        source = one(source.arguments[0])  # `list(...)`
    match source:
        case Result(callee=Member(receiver=receiver, name="children")):
            return receiver
    return None
