"""Optimizers and schedules as objects: what they update, at which rate, and who drives them."""

from __future__ import annotations

import re

from trainlint.diagnostic import Certainty
from trainlint.meaning.dataflow import certainty, operation, walk
from trainlint.meaning.facts.optimizers import is_optimizer_class
from trainlint.meaning.objects import external_bases, is_module
from trainlint.meaning.roles import is_unseen_object, role
from trainlint.meaning.syntax import (
    Attribute,
    Call,
    Comprehension,
    Display,
    Expression,
    Lambda,
    Literal,
    Node,
    nodes_in,
)
from trainlint.meaning.values import (
    Argument,
    Choice,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Sequence,
    Unknown,
    Value,
    one,
    options,
    passed,
)
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Optimizer:
    """An optimizer of the program. `known`: how its role is known."""

    value: Value
    known: Certainty

    @property
    def kind(self) -> str:
        """Its class's short name (`SGD`), "" where it is not seen being made."""
        made = one(self.value)
        if isinstance(made, Instance):
            names = [made.cls.name] if isinstance(made.cls, External) else external_bases(made.cls)
            return names[0].rpartition(".")[2] if names else ""
        return ""

    @property
    def rate(self) -> Value | None:
        """The initial learning rate as given, None where it is the default or unknown."""
        made = one(self.value)
        if not isinstance(made, Instance):
            return None
        return passed(made, 1, "lr")

    @property
    def models(self) -> list[Value]:
        """The modules whose parameters it was given, as far as they can be told."""
        made = [o for o in options(self.value) if isinstance(o, (Instance, Result))]
        given = [v for m in made for v in m.arguments[:1]]
        given += [v for m in made for k, v in m.keywords.items() if k in ("params", "model")]
        found: list[Value] = []
        for value in given:
            for inner in walk(
                value, lambda v: not ((isinstance(v, Instance) and is_module(v)) or is_unseen_object(v))
            ):
                if (
                    (isinstance(inner, Instance) and is_module(inner))
                    or isinstance(inner, (Free, Argument))
                    or is_unseen_object(inner)
                ):
                    if all(inner is not f for f in found):
                        found.append(inner)
        return found

    @property
    def of_inner_parts(self) -> bool:
        """Whether it was given parts of a library's network: `model.fc.parameters()`."""
        made = [o for o in options(self.value) if isinstance(o, (Instance, Result))]
        given = [
            v
            for m in made
            for v in (*m.arguments[:1], *(m.keywords[k] for k in ("params",) if k in m.keywords))
        ]
        called = (
            v.callee
            for value in given
            for v in walk(value, lambda v: not isinstance(v, Instance))
            if isinstance(v, Result)
        )
        return any(isinstance(c, Member) and _is_of_library(one(c.receiver)) for c in called)

    @property
    def of_some_parameters(self) -> bool:
        """Whether it was given parameters that were picked, by more than whether they are to be trained."""
        made = [o for o in options(self.value) if isinstance(o, (Instance, Result))]
        given = [
            v for m in made for v in (*m.arguments[:1], *(v for k, v in m.keywords.items() if k == "params"))
        ]
        return any(_picks(v) for value in given for v in walk(value, lambda v: not isinstance(v, Instance)))

    @property
    def of_tensors(self) -> bool:
        """Whether it was given tensors only (an image, a latent code), and so trains no network."""
        made = [o for o in options(self.value) if isinstance(o, Instance) and o.arguments]
        return bool(made) and all(_is_tensors(m.arguments[0]) for m in made)


def _picks(value: Value) -> bool:
    match value:
        case Sequence(node=Comprehension(generators=generators)):
            return not all(_asks_if_trained(test) for g in generators for test in g.tests)
        case Sequence(node=Display(items=()), items=items, element=element):
            return bool(items) or element is not None  # what a loop has put in
        case Result(
            callee=External(name="builtins.filter"), arguments=(Function(node=Lambda(value=body)), *_)
        ):
            return not _asks_if_trained(body)
        case Result(callee=External(name="builtins.filter")):
            return True
    return False


def _asks_if_trained(test: Expression) -> bool:
    """`p.requires_grad`, maybe beside what does not look at names: `p.requires_grad and p.ndim > 1`"""
    asked = list(nodes_in(test))
    if any(isinstance(node, (Literal, Call)) and not _is_number_or_truth(node) for node in asked):
        return False
    return any(isinstance(node, Attribute) and node.name == "requires_grad" for node in asked)


def _is_number_or_truth(node: Node) -> bool:
    return isinstance(node, Literal) and (node.value is None or isinstance(node.value, (bool, int)))


def _is_of_library(value: Value) -> bool:
    """Whether a value is an attribute of a library's network, which nothing shows the inside of."""
    inner = value
    while isinstance(inner, Member):
        inner = one(inner.receiver)
    return (
        isinstance(value, Member)
        and isinstance(inner, Instance)
        and isinstance(inner.cls, External)
        and is_module(inner)
    )


def _is_tensors(given: Value) -> bool:
    inner = one(given)
    if isinstance(inner, Result) and operation(inner) == "operator.+":
        listed = [a for a in inner.arguments if isinstance(one(a), Sequence)]
        others = [v for a in inner.arguments if not isinstance(one(a), Sequence) for v in walk(a)]
        asked = any(operation(v) in _PARAMETERS for v in others)
        return bool(listed) and not asked and all(map(_is_tensors, listed))
    if not isinstance(inner, Sequence) or not inner.items or inner.element is not None:
        return False
    return all(_is_tensor(option) for item in inner.items for option in options(item))


_PARAMETERS = ("parameters", "named_parameters")


def _is_tensor(value: Value) -> bool:
    """A tensor from one of torch's own functions, or its detached or moved self."""
    for _ in range(8):
        match one(value):
            case Result(callee=External(name=name)):
                return name.startswith("torch.")
            case Result(callee=Member(name="detach")):
                return True
            case Result(callee=Member(receiver=receiver, name=name)) if name not in _PARAMETERS:
                value = receiver
            case Item(source=source):
                value = source
            case Instance(cls=External(name=name)):
                return name.endswith(("nn.Parameter", "utils.data.DataLoader", "autograd.Variable"))
            case _:
                return False
    return False


def optimizer(value: Value) -> Optimizer | None:
    """The optimizer that a stepped value is; None for engines, schedules, environments and the like."""
    found = [option for option in options(value) if not _stands_in(option)]
    if found and all(role(o) == "optimizer" for o in found):
        return Optimizer(value, "constructed" if all(isinstance(o, Instance) for o in found) else "inferred")
    if any(role(o) == "optimizer" for o in found) and all(map(_may_be_one, found)):
        return Optimizer(value, "inferred")
    single = one(value)
    if isinstance(single, Argument) and _annotated(single.annotation):
        return Optimizer(value, "annotated")
    if isinstance(single, (Argument, Free)) and _is_conventional(single.name):
        return Optimizer(value, "conventional")
    if (
        isinstance(single, Member)
        and _is_conventional(single.name)
        and certainty(single.receiver) != "guessed"
    ):
        return Optimizer(value, "guessed")
    match single:
        case Item(source=Free(name=name), key=Constant()) if _is_conventional(name):
            return Optimizer(value, "conventional")  # one of `self.optimizers()`
    return None


def _stands_in(value: Value) -> bool:
    """What an attribute holds before there is an optimizer: None, "", an empty list."""
    if isinstance(value, (Sequence, Mapping)):
        return not value.items and value.element is None and not value.open
    return isinstance(value, Constant) and not value.value


def _may_be_one(value: Value) -> bool:
    """Whether what stands for an optimizer on one way of several is one, or nothing that is known."""
    if isinstance(value, Instance):
        return role(value) == "optimizer" or (isinstance(value.cls, External) and not role(value))
    return role(value) in ("optimizer", "") and isinstance(
        value, (Unknown, Member, Item, Result, Free, Argument)
    )


def _annotated(annotation: Value | None) -> bool:
    return any(
        isinstance(o, External) and is_optimizer_class(o.name) and "lr_scheduler" not in o.name
        for o in (options(annotation) if annotation is not None else ())
    )


def _is_conventional(name: str) -> bool:
    name = name.removeprefix("self.")
    return (
        _OPTIMIZER_NAME.search(name) is not None or "optimizer" in name.lower() or "optimiser" in name.lower()
    )


# `opt`, `d_opt`, `optG`, `gen_optim`: a word of its own in the name
_OPTIMIZER_NAME = re.compile(r"(?:^|_)[Oo]pt(?:im)?(?=$|_|\d|[A-Z])|(?<=[a-z\d])Opt(?:im)?(?=$|_|\d|[A-Z])")


def is_schedule(value: Value) -> bool:
    return all(role(o) == "schedule" for o in options(value))


def scheduled(value: Value) -> Value | None:
    """The optimizer that a schedule drives; of several schedules the one that all of them drive."""
    if isinstance(value, Choice):
        driven = [scheduled(option) for option in options(value)]
        return driven[0] if driven and all(d is not None and d is driven[0] for d in driven) else None
    made = one(value)
    if not isinstance(made, Instance):
        return None
    for key in ("optimizer", "optim", "opt"):
        if key in made.keywords:
            return made.keywords[key]
    return next(
        (a for a in made.arguments if role(a) == "optimizer"), made.arguments[0] if made.arguments else None
    )


def number(value: Value | None) -> tuple[float, str | None] | None:
    """A constant number and the flag it stands under."""
    found = one(value) if value is not None else None
    if isinstance(found, Argument) and isinstance(found.default, Constant):
        found = Constant(found.default.value, None, f"{found.name}=")
    if (
        isinstance(found, Constant)
        and isinstance(found.value, (int, float))
        and not isinstance(found.value, bool)
    ):
        return float(found.value), found.under
    return None
