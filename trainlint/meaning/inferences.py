"""Single predictions: a network with loaded weights is applied once, outside of any loop, to decide on
something, or word by word to what it has answered so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.callers import callers, is_unit_test
from trainlint.meaning.dataflow import operation, same, walk
from trainlint.meaning.decisions import behind
from trainlint.meaning.evaluation import Evaluation
from trainlint.meaning.evaluations import is_prepared
from trainlint.meaning.flow import enclosing_loops, of_kind
from trainlint.meaning.members import entry_of
from trainlint.meaning.modules import mode_dependent
from trainlint.meaning.syntax import Define
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    NONE,
    Constant,
    External,
    Instance,
    Member,
    Result,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program


def inferences(program: Program) -> list[Evaluation]:
    """Such predictions of programs that train nothing themselves, by networks that depend on the mode."""
    if program.backwards:
        return []
    found: dict[int, Evaluation] = {}
    for root in program.roots:
        for event in of_kind(root, "forward"):
            itself = answers_to_itself(program, event)
            if (event.detail and not (itself and event.detail == "method")) or is_unit_test(event):
                continue
            if (_is_in_a_pass(event) and not itself) or _is_of_noise(event):
                continue
            if mode_dependent(event.target, 0, entry_of(event)) and _has_trained_weights(
                program, event, root
            ):
                home = next(r for r in event.region.ancestors() if r.kind in ("call", "closure", "root"))
                if event.grad is not False and not _decides(home, event):
                    continue
                modes = program.modes_of(root).at(event)
                prepared = is_prepared(program, root, event, modes)
                found.setdefault(
                    id(event.target), Evaluation(event, home, modes, True, True, False, prepared=prepared)
                )
    return list(found.values())


def _is_in_a_pass(event: Event) -> bool:
    """Whether a loop goes through something; one that asks the user again and again makes single predictions."""
    return any(loop.iterable is not None for loop in enclosing_loops(event.region))


def answers_to_itself(program: Program, event: Event) -> bool:
    """Whether each turn of a loop asks a network about what it has answered before: a text is written word by word."""
    if not enclosing_loops(event.region) or event.value is None:
        return False
    return id(event.value) in behind(event.inputs, program.gathered)


def _decides(home: Region, event: Event) -> bool:
    """Whether the code around a prediction that builds a graph takes the largest entry of something."""
    node = home.function.node if home.function is not None else None
    body = node.body if isinstance(node, Define) else event.node.unit.body
    return not _DECIDING.isdisjoint(body.words)


_DECIDING = frozenset(("argmax", "topk"))


def _is_of_noise(event: Event) -> bool:
    """Whether the network is given random numbers: a generator at work, or a trial of the code."""
    made = (v for given in event.inputs for v in walk(given))
    return any(operation(v) in ("randn", "rand", "randn_like", "normal") for v in made) or _is_blank(event)


def _is_blank(event: Event) -> bool:
    """Whether a constructor gives it zeros that nothing fills: it asks for the shape of what comes out."""
    if not any(function.name == "__init__" for function in callers(event)):
        return False
    given = [v for value in event.inputs for v in walk(value) if isinstance(v, Result)]
    if not any(operation(v) in ("zeros", "ones", "empty") for v in given):
        return False
    root = event.region.root
    filled = {id(o) for e in of_kind(root, "keep") if e.target is not None for o in options(e.target)}
    return all(isinstance(v.callee, (External, Member)) and id(v) not in filled for v in given)


def _has_trained_weights(program: Program, event: Event, root: Region) -> bool:
    model = one(event.target)
    if not isinstance(model, Instance) or model.symbolic:
        return False
    main = program.roots[0]  # a function that nobody calls finds what the module has loaded
    for earlier in (*(main.events() if main is not root else ()), *root.events()):
        if earlier is event:
            break
        if earlier.kind == "load_state" and any(same(option, model) for option in options(earlier.target)):
            return True
    if not isinstance(model.cls, External) or not model.cls.name.startswith("torchvision.models."):
        return False
    given = one(model.keywords.get("weights", NONE))
    named = not (isinstance(given, Constant) and given.value is None)
    return named or constant(model.keywords.get("pretrained", NONE)) is True
