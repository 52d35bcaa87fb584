"""Running statements: names are bound, loops close over their own results, branches meet again.

Each function returns whether the flow goes on behind the statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainlint.meaning import syntax as s
from trainlint.meaning.better import keeps_the_better
from trainlint.meaning.contexts import enter_context, leaving
from trainlint.meaning.definitions import define, define_class
from trainlint.meaning.growing import close, grow
from trainlint.meaning.imports import import_from, import_module
from trainlint.meaning.iteration import element_of
from trainlint.meaning.machine import Machine, collect, merge_names
from trainlint.meaning.managers import run_managed
from trainlint.meaning.offered import entries_of_module
from trainlint.meaning.restored import as_in_other_arm
from trainlint.meaning.stores import augment, store
from trainlint.meaning.truth import decided_by, truth
from trainlint.meaning.unit import Frame
from trainlint.meaning.unrolling import (
    LAYERS,
    entries_of_settings,
    listed_sizes,
    may_have_turns,
    phase_turns,
    unrolled_layers,
    unrolled_listeners,
)
from trainlint.meaning.values import (
    Choice,
    Condition,
    Constant,
    External,
    Function,
    Instance,
    Member,
    Result,
    Unknown,
    Value,
    choice,
)

_TRAINING = frozenset("backward zero_grad step optim fit train Trainer parameters DataLoader".split())
_STEPS = frozenset("backward zero_grad step".split())
_UNROLL = 3  # loops over that many phases are run once for each
_FILL = 6  # those that only fill a dictionary by the phase


def execute(machine: Machine, block: s.Block, frame: Frame) -> bool:
    for statement in block.statements:
        machine.steps += 1
        if machine.steps > machine.limit:
            machine.overrun()
        run = _STATEMENTS.get(type(statement))
        if run is not None and not run(machine, statement, frame):
            return False
    return True


def _assign(machine: Machine, node: s.Assign, frame: Frame) -> bool:
    if node.value is None:
        if node.annotation is not None and isinstance(node.targets[0], s.Name) and frame.is_class:
            frame.names.setdefault(node.targets[0].id, Unknown("declared", node))
        return True
    value = machine.evaluate(machine, node.value, frame)
    for target in node.targets:
        store(machine, target, value, frame, node)
    return True


def _augment(machine: Machine, node: s.Augment, frame: Frame) -> bool:
    augment(machine, node, frame)
    return True


def _evaluate(machine: Machine, node: s.Evaluate, frame: Frame) -> bool:
    value = machine.evaluate(machine, node.value, frame)
    match node.value, value:
        case s.Call(function=s.Attribute(value=s.Name(id=name), name=method)), Result(callee=Member()):
            if method.endswith("_") and not method.endswith("__") and name in frame.names:
                frame.names[name] = value  # `x.scatter_(...)` changes what `x` holds
            elif method == "update" and _is_state(frame.names.get(name)):
                frame.names[name] = value  # a state with the entries of another
    if _exits(node.value):
        machine.leave("raise", node)
        return False
    return True


def _is_state(value: Value | None) -> bool:
    match value:
        case Result(callee=Member(name="state_dict" | "update")):
            return True
    return False


def _exits(node: s.Expression) -> bool:
    match node:
        case s.Call(function=s.Attribute(value=s.Name(id="sys"), name="exit")):
            return True
        case s.Call(function=s.Name(id="exit" | "quit")):
            return True
    return False


def _if(machine: Machine, node: s.If, frame: Frame) -> bool:
    test = machine.evaluate(machine, node.test, frame)
    test = decided_by(test, truth) or test
    known = truth(test)
    if known is None and machine.settled and isinstance(test, Constant):
        known = bool(test.value)
    if known is False:
        setting = _setting(node, frame)
        if setting is not None:
            test, known = setting, None
    if known is not None:
        return execute(machine, node.then if known else node.otherwise, frame)
    arms: list[Arm] = [(node.then, True)]
    arms.append((node.otherwise, False))
    return branch(machine, node, arms, frame, node.test, test)


def _setting(node: s.If, frame: Frame) -> Constant | None:
    """The condition of an arm that waits for the user to fill in a constant at the head of the script.

    `checkpoint = None` and `RESUME = False` are switched by an edit as `--checkpoint` is by an argument. An arm that
    is entered for what the constant is filled with reads it, or it loads.
    """
    match node.test:
        case s.Name(id=name):
            pass
        case s.Comparison(left=s.Name(id=name), rest=((("is not" | "!="), s.Literal(value=None | "")),)):
            pass
        case _:
            return None
    if name not in node.then.words and not any(map(_is_about_loading, node.then.words)):
        return None
    if frame is not frame.module and name in frame.names and name not in frame.shared:
        return None
    written = frame.module.names.get(name)
    match written:
        case Constant(value=None | False | "", under=None, node=s.Literal()):
            return Constant(False, node.test, name)
    return None


def _is_about_loading(word: str) -> bool:
    """`torch.load(...)`, or a function or method that is called for it: `agent.load_models()`."""
    return word == "load" or word.startswith("load_")


Arm = tuple[s.Block, bool]


def branch(
    machine: Machine,
    node: s.Node,
    arms: list[Arm],
    frame: Frame,
    test: s.Expression | None,
    truth_of: Value | None,
) -> bool:
    """Run each arm on its own copy of the names, then let those that reach the end meet."""
    before = frame.names
    ends: list[dict[str, Value]] = []
    under: list[tuple[Condition, ...]] = []
    written: list[Any] = []
    assumed = len(machine.assumed)
    grads: list[bool | None] = []
    grad_before = machine.grad
    with machine.within("branch", node):
        for block, holds in arms:
            frame.names = dict(before)
            machine.grad = grad_before
            given = ((truth_of, holds),) if truth_of is not None else ()
            with (
                machine.within("arm", node, test=test, holds=holds, truth=truth_of, given=given),
                machine.branch() as writes,
            ):
                if holds and type(node) is s.If and keeps_the_better(node):
                    machine.record("choose", node.test, truth_of or Unknown("test", node))
                alive = execute(machine, block, frame)
                after = collect(machine, writes)
            written.append((writes, after if alive else None))
            del machine.assumed[assumed:]
            if alive:
                ends.append(frame.names)
                under.append(given)
                grads.append(machine.grad)
    machine.join(written, under)
    machine.grad = grads[0] if len(set(grads)) == 1 else (grad_before if not grads else None)
    if not ends:
        frame.names = before
        return False
    if len(ends) == 1:
        machine.assumed += under[0]  # until the function, or the turn of the loop, ends
    if len(ends) == 2 and any("load" in block.words for block, _ in arms):
        as_in_other_arm(machine, [block for block, _ in arms], ends, node)
    merged = merge_names(ends, test, under)
    frame.names = merged
    return True


def _for(machine: Machine, node: s.For, frame: Frame) -> bool:
    iterable = machine.evaluate(machine, node.iterable, frame)
    turns = _turns(node) if may_have_turns(iterable) else 0
    items = phase_turns(iterable, turns) if turns else None
    items = items or (unrolled_layers(iterable) if machine.forwarding else None)
    if items is None and _only_calls(node.body):
        items = unrolled_listeners(iterable, _UNROLL)
    if items is None and not LAYERS.isdisjoint(node.body.words) and _TRAINING.isdisjoint(node.body.words):
        items = listed_sizes(iterable)
    entries = entries_of_module(machine, iterable)
    if entries is not None and _TRAINING.isdisjoint(node.body.words):
        with machine.within_default():
            return _unrolled(machine, node, entries, iterable, frame)
    if items is None and (entries := entries_of_settings(iterable)) and _sets_by_key(node):
        with machine.entry_by_entry():
            return _unrolled(machine, node, entries, iterable, frame)
    if items is not None:
        return _unrolled(machine, node, items, iterable, frame)

    def bind() -> None:
        store(machine, node.target, element_of(machine, iterable, node.iterable), frame, node)

    alive = _loop(machine, node, node.body, bind, frame, iterable=iterable)
    return (execute(machine, node.otherwise, frame) and alive) if node.otherwise.statements else alive


def _turns(node: s.For) -> int:
    """How many phases a loop may go through to be run for each: more if it only keeps something for each of them."""
    if not isinstance(node.target, s.Name) or not _STEPS.isdisjoint(node.body.words):
        return _UNROLL
    inner = list(s.nodes_in(node.body))
    targets = [t for n in inner if isinstance(n, s.Assign) for t in n.targets]
    targets += [n.target for n in inner if isinstance(n, s.Augment)]
    filled = (t for t in targets if isinstance(t, s.Subscript))
    keys = (index for target in filled for index in target.indices)
    return _FILL if any(isinstance(k, s.Name) and k.id == node.target.id for k in keys) else _UNROLL


def _sets_by_key(node: s.For) -> bool:
    """`for key, value in settings.items(): setattr(self, key, value)`: what is set is called by the loop's own name."""
    first = node.target.items[0] if isinstance(node.target, s.Display) and node.target.items else node.target
    if not isinstance(first, s.Name) or not _TRAINING.isdisjoint(node.body.words):
        return False
    for inner in s.nodes_in(node.body):
        match inner:
            case s.Call(function=s.Name(id="setattr")):
                return True
            case s.Assign(targets=targets):
                by_key = (t.indices for t in targets if isinstance(t, s.Subscript))
                if any(isinstance(i, s.Name) and i.id == first.id for indices in by_key for i in indices):
                    return True
    return False


def _only_calls(body: s.Block) -> bool:
    """`for callback in callbacks: callback.after_epoch(trainer)`: nothing but a call or two."""
    return len(body.statements) < 3 and all(
        isinstance(statement, s.Evaluate) and isinstance(statement.value, s.Call)
        for statement in body.statements
    )


def _while(machine: Machine, node: s.While, frame: Frame) -> bool:
    def bind() -> None:
        machine.region.truth = machine.evaluate(machine, node.test, frame)

    return _loop(machine, node, node.body, bind, frame, test=node.test)


def _loop(
    machine: Machine, node: Any, body: s.Block, bind: Callable[[], None], frame: Frame, **facts: Any
) -> bool:
    """One pass over the body stands for all: names it assigns start as a choice of before and after."""
    carried: dict[str, Choice] = {}
    for name in body.assigned:
        if name in frame.names:
            phi = Choice([frame.names[name]], loop=True, parts=[])
            carried[name] = frame.names[name] = phi
            machine.knots.append(phi)
    outer_breaks, outer_continues = frame.breaks, frame.continues
    frame.breaks, frame.continues = [], []
    assumed = len(machine.assumed)
    with machine.within("loop", node, **facts):
        for phi in carried.values():
            phi.home = machine.region
        bind()
        alive = execute(machine, body, frame)
    del machine.assumed[assumed:]
    ends = ([frame.names] if alive else []) + frame.continues
    exits = ends + frame.breaks
    frame.breaks, frame.continues = outer_breaks, outer_continues
    grown = [(name, phi, close(phi)) for name, phi in carried.items()]
    for name, phi, parts in grown:
        for end in ends:
            value = end.get(name)
            if value is not None:
                grow(phi, value, parts)
    if not exits:
        return True  # the body always returns or raises; it may not have been entered at all
    frame.names = merge_names(exits)
    return True


def _unrolled(machine: Machine, node: s.For, items: list[Value], iterable: Value, frame: Frame) -> bool:
    outer_breaks, outer_continues = frame.breaks, frame.continues
    alive = True
    ended: list[dict[str, Value]] = []
    with machine.within("loop", node, iterable=iterable, unrolled=True):
        for item in items:
            frame.breaks, frame.continues = [], []
            with machine.within("loop", node, unrolled=True):
                store(machine, node.target, item, frame, node)
                alive = execute(machine, node.body, frame)
            ends = ([frame.names] if alive else []) + frame.continues
            ended += frame.breaks
            if not ends:
                break
            frame.names = merge_names(ends)
            alive = True
    frame.breaks, frame.continues = outer_breaks, outer_continues
    if ended:
        frame.names = merge_names(([frame.names] if alive else []) + ended)
        alive = True
    return alive


def _with(machine: Machine, node: s.With, frame: Frame) -> bool:
    grad = machine.grad
    try:
        return _entered(machine, node, node.items, frame)
    finally:
        machine.grad = grad


def _entered(machine: Machine, node: s.With, items: tuple[Any, ...], frame: Frame) -> bool:
    """Enter the contexts one in the other, run the body, leave them."""
    if not items:
        return execute(machine, node.body, frame)
    expression, target = items[0]

    def go_on(entered: Value) -> bool:
        if target is not None:
            store(machine, target, entered, frame, node)
        return _entered(machine, node, items[1:], frame)

    alive = run_managed(machine, expression, frame, go_on)
    if alive is not None:
        return alive
    known = len(machine.region.items)
    context = machine.evaluate(machine, expression, frame)
    entered = enter_context(machine, context, expression)
    leave = leaving(machine, context, expression, known)
    region = machine.region
    start = len(region.items)
    alive = go_on(entered)
    end = len(region.items)
    with machine.within("final", node) as final:
        leave()
    region.note_final(start, end, final)
    return alive


def _try(machine: Machine, node: s.Try, frame: Frame) -> bool:
    if not node.final.statements:
        return _tried(machine, node, frame)
    region = machine.region
    start = len(region.items)
    alive = _tried(machine, node, frame)
    end = len(region.items)
    with machine.within("final", node) as final:
        lasts = execute(machine, node.final, frame)
    region.note_final(start, end, final)
    return lasts and alive


def _tried(machine: Machine, node: s.Try, frame: Frame) -> bool:
    """A `try` without its `finally`."""
    alive = True
    before = dict(frame.names)
    alive = execute(machine, node.body, frame)
    if alive and node.otherwise.statements:
        alive = execute(machine, node.otherwise, frame)
    ends = [frame.names] if alive else []
    for name, block in node.handlers:
        if not block.statements:
            continue
        frame.names = merge_names([dict(before), dict(ends[0] if ends else before)])
        if name is not None:
            frame.names[name] = Unknown("exception", node)
        with (
            machine.within("branch", node),
            machine.within("arm", node, test=None),
            machine.branch() as writes,
        ):
            survives = execute(machine, block, frame)
            after = collect(machine, writes)
        machine.join(
            [(writes, after if survives else None), (writes, {k: b[2] for k, b in writes.before.items()})]
        )
        if survives:
            ends.append(frame.names)
    frame.names = _first_wins(ends) if ends else before
    return bool(ends)


def _first_wins(ends: list[dict[str, Value]]) -> dict[str, Value]:
    """After a try the body's values count; a handler adds only what the body left undefined."""
    names = dict(ends[0])
    for end in ends[1:]:
        for name, value in end.items():
            if name not in names:
                names[name] = value
            elif names[name] is not value:
                names[name] = choice([names[name], value])
    return names


def _match(machine: Machine, node: s.Match, frame: Frame) -> bool:
    machine.evaluate(machine, node.subject, frame)
    arms: list[Arm] = [(case, True) for case in node.cases]
    if not node.exhaustive:
        arms.append((s.Block((), frozenset(), frozenset()), False))
    return branch(machine, node, arms, frame, None, None)


def _return(machine: Machine, node: s.Return, frame: Frame) -> bool:
    value: Value = Constant(None, node)
    if node.value is not None:
        value = machine.evaluate(machine, node.value, frame)
    if not _is_error(value):
        frame.returned.append(value)
        frame.returned_under.append(machine.conditions())
    machine.leave("return", node)
    return False


def _is_error(value: Value) -> bool:
    """`return NotImplementedError(...)`, where it was meant to be raised: nobody goes on with it."""
    return (
        isinstance(value, Instance)
        and isinstance(value.cls, External)
        and value.cls.name.startswith("builtins.")
        and value.cls.name.endswith(("Error", "Exception"))
    )


def _jump(machine: Machine, node: s.Jump, frame: Frame) -> bool:
    if node.kind == "break":
        frame.breaks.append(dict(frame.names))
    elif node.kind == "continue":
        frame.continues.append(dict(frame.names))
    machine.leave(node.kind, node)
    return False


def _delete(machine: Machine, node: s.Delete, frame: Frame) -> bool:
    for target in node.targets:
        if isinstance(target, s.Name):
            frame.names.pop(target.id, None)
    return True


def _declare(machine: Machine, node: s.Declare, frame: Frame) -> bool:
    home = frame.module if node.kind == "global" else frame.outer
    if home is not None and home is not frame:
        for name in node.names:
            frame.shared[name] = home
    return True


def _define(machine: Machine, node: s.Define, frame: Frame) -> bool:
    made = define(machine, node, frame)
    read = _property_of(made)
    if read is not None:
        read.setter = made
        return True
    frame.names[node.name] = made
    return True


def _property_of(made: Function) -> Function | None:
    """The property that a function completes: `@rate.setter`."""
    for decorator in made.decorators:
        match decorator:
            case Member(receiver=Function() as read, name="setter") if read.name == made.name:
                return read
    return None


def _define_class(machine: Machine, node: s.DefineClass, frame: Frame) -> bool:
    frame.names[node.name] = define_class(machine, node, frame)
    return True


_STATEMENTS: dict[type, Callable[[Machine, Any, Frame], bool]] = {
    s.Assign: _assign,
    s.Augment: _augment,
    s.Evaluate: _evaluate,
    s.If: _if,
    s.For: _for,
    s.While: _while,
    s.With: _with,
    s.Try: _try,
    s.Match: _match,
    s.Return: _return,
    s.Jump: _jump,
    s.Delete: _delete,
    s.Declare: _declare,
    s.Import: import_module,
    s.ImportFrom: import_from,
    s.Define: _define,
    s.DefineClass: _define_class,
}
