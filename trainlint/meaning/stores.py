"""Binding values: names, attributes, items; and what a store tells about training."""

from __future__ import annotations

from types import NoneType

from trainlint.meaning import syntax as s
from trainlint.meaning.attachment import attached
from trainlint.meaning.dataflow import descends, is_gradient
from trainlint.meaning.entries import note_entry
from trainlint.meaning.fragments import say, set_once
from trainlint.meaning.gathering import note_put
from trainlint.meaning.growing import is_growing, part_of
from trainlint.meaning.hot import note_hot
from trainlint.meaning.machine import Machine
from trainlint.meaning.matrices import note_start
from trainlint.meaning.modules import decides_its_mode_alone, note_frozen_part
from trainlint.meaning.objects import counters, find_member, get_attribute, is_module, key_of
from trainlint.meaning.overrides import overwrite, weaken
from trainlint.meaning.places import by_places
from trainlint.meaning.restored import in_place_of
from trainlint.meaning.truth import truth
from trainlint.meaning.unit import Frame
from trainlint.meaning.values import (
    MISSING,
    NONE,
    Bound,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Item,
    Mapping,
    Member,
    Module,
    Result,
    Sequence,
    Unknown,
    Value,
    constant,
    one,
    options,
)


def store(machine: Machine, target: s.Expression, value: Value, frame: Frame, node: s.Statement) -> None:
    match target:
        case s.Name(id=name):
            if isinstance(node, s.Assign):
                _note_running_sum(machine, name, value, frame, node)
                _note_reset(machine, name, value, node)
            names = frame.shared[name].names if name in frame.shared else frame.names
            value = in_place_of(machine, names.get(name), value, target, node)
            if name in frame.shared:  # what branches write to a global meets where they do
                machine.write(names, name, value)
            else:
                frame.names[name] = value
        case s.Attribute():
            _store_attribute(machine, target, value, frame, node)
        case s.Subscript():
            _store_item(machine, target, value, frame, node)
        case s.Display(items=items):
            _unpack(machine, items, value, frame, node)
        case s.Star(value=inner):
            store(machine, inner, value, frame, node)


def _note_running_sum(machine: Machine, name: str, value: Value, frame: Frame, node: s.Assign) -> None:
    """`total = total + loss` keeps what `total += loss` keeps."""
    match node.value:
        case s.Binary(operator="+", left=s.Name(id=left), right=_) if left == name:
            index = 1
        case s.Binary(operator="+", left=_, right=s.Name(id=right)) if right == name:
            index = 0
        case s.Binary(operator="+" | "-") | s.Call() | s.Conditional() if _mentions(node.value, name):
            old = frame.names.get(name)
            if isinstance(old, Choice):
                _note_chain(machine, old, value, node)
            return
        case _:
            return
    if isinstance(value, Result) and len(value.arguments) == 2:
        machine.record("keep", node, value.arguments[1 - index], value.arguments[index], detail="+")


def _mentions(node: s.Expression, name: str) -> bool:
    """Whether an arithmetic expression, or a `cat` of a list, has the name (`.name` of an attribute) among its operands."""
    match node:
        case s.Name(id=found):
            return found == name
        case s.Attribute(value=s.Name(), name=found):
            return f".{found}" == name
        case s.Conditional(then=then, otherwise=otherwise):
            return any(not isinstance(arm, s.Name) and _mentions(arm, name) for arm in (then, otherwise))
        case s.Binary(left=left, right=right):
            return _mentions(left, name) or _mentions(right, name)
        case s.Call(function=s.Attribute(name="cat" | "hstack" | "concat" | "stack"), arguments=(first, *_)):
            return isinstance(first.value, s.Display) and any(_mentions(i, name) for i in first.value.items)
    return False


def _note_chain(machine: Machine, old: Value, value: Value, node: s.Assign) -> None:
    """`smooth = 0.9 * smooth + 0.1 * loss` and `history = cat([history, loss])` keep what is put in."""
    whole = options(value)
    for grown in whole:
        if not isinstance(grown, Result) or (len(whole) > 1 and not _reaches(grown, old)):
            continue  # the start: `loss if smooth is None else 0.9 * smooth + 0.1 * loss`
        parts = grown.arguments
        listed = one(parts[0]) if parts else None
        if isinstance(listed, Sequence):
            parts = listed.items
        for part_ in parts:
            if part_ is not old and not _reaches(part_, old):
                machine.record("keep", node, old, part_, detail="+")


def _reaches(value: Value, old: Value, depth: int = 0) -> bool:
    if value is old or depth > 4:
        return value is old
    inner = (
        value.arguments if isinstance(value, Result) else value.items if isinstance(value, Sequence) else ()
    )
    return any(_reaches(part_, old, depth + 1) for part_ in inner)


def note_frozen(holder: Value, value: Value) -> None:
    """`for p in model.parameters(): p.requires_grad = False` freezes the model, whichever it is."""
    if constant(value) is not False:
        return
    pending = [holder]
    for _ in range(24):
        if not pending:
            return
        match pending.pop():
            case Choice() as several:
                pending += options(several)
            case Item(source=source):
                pending.append(source)
            case Result(callee=Member(receiver=receiver)):
                if not note_frozen_part(receiver):
                    pending.append(receiver)
            case Instance() as module:
                module.attributes["*frozen"] = Constant(True)


def _note_reset(machine: Machine, name: str, value: Value, node: s.Assign) -> None:
    """`total = 0` or `losses = []` within a loop starts an accumulator anew."""
    zero = isinstance(value, Constant) and (value.value is None or value.value == 0)
    empty = isinstance(value, Sequence) and not value.items and value.element is None
    fresh = isinstance(value, Mapping) and not value.items
    if (zero or empty or fresh or _is_zeros(value)) and machine.region.loop is not None:
        machine.record("reset", node, value, value, detail=name)


def _is_zeros(value: Value) -> bool:
    callee = value.callee if isinstance(value, Result) else None
    return isinstance(callee, External) and callee.name in ("torch.zeros", "torch.tensor", "torch.zeros_like")


def _unpack(
    machine: Machine, targets: tuple[s.Expression, ...], value: Value, frame: Frame, node: s.Statement
) -> None:
    parts = _around_star(targets, value)
    for index, target in enumerate(targets):
        if parts is not None:
            store(machine, target.value if isinstance(target, s.Star) else target, parts[index], frame, node)
        elif isinstance(target, s.Star):
            store(machine, target.value, Unknown("rest", node), frame, node)
        else:
            store(machine, target, _taken(machine, value, index, len(targets), node), frame, node)


def _around_star(targets: tuple[s.Expression, ...], value: Value) -> list[Value] | None:
    """`first, *rest, last = items` of a list whose items are known."""
    stars = [index for index, target in enumerate(targets) if isinstance(target, s.Star)]
    held = by_places(one(value))
    if len(stars) != 1 or not isinstance(held, Sequence) or held.open or held.element is not None:
        return None
    start, items = stars[0], held.items
    end = len(items) - (len(targets) - start - 1)
    if end < start:
        return None
    return [*items[:start], Sequence("list", items[start:end], held.node), *items[end:]]


def _taken(machine: Machine, value: Value, index: int, count: int, node: s.Node | None) -> Value:
    if is_growing(value):
        return part_of(machine, value, lambda whole: _taken(machine, whole, index, count, node))
    return part(value, index, count, node)


def part(value: Value, index: int, count: int, node: s.Node | None) -> Value:
    """Element `index` of something unpacked into `count`."""
    found: list[Value] = []
    for option in map(by_places, options(value)):
        match option:
            case Sequence(items=items, element=None) if len(items) == count:
                found.append(items[index])
            case Sequence(items=(), element=element) if element is not None:
                found.append(element)
            case Result(callee=External()) if any(_is_of_count(other, count) for other in options(value)):
                pass  # a tensor of one way among tuples of others: that way does not lead here
            case _:
                found.append(Item(option, Constant(index), node))
    return found[0] if len(found) == 1 else Choice(found)


def _is_of_count(value: Value, count: int) -> bool:
    return isinstance(value, Sequence) and value.element is None and len(value.items) == count


def _store_attribute(
    machine: Machine, target: s.Attribute, value: Value, frame: Frame, node: s.Statement
) -> None:
    holder = machine.evaluate(machine, target.value, frame)
    if target.name in ("grad", "data") and not isinstance(one(holder), Instance):
        machine.record("grad_write", node, holder, value, detail=target.name)
        if target.name == "data":
            note_start(machine, holder, value, node)
        return
    if target.name == "requires_grad":
        machine.record("requires_grad", node, holder, value)
        note_frozen(holder, value)
        return
    if target.name == "training" and (isinstance(one(holder), Item) or decides_its_mode_alone(one(holder))):
        # `for m in model.modules(): m.training = True`; of a network's layers nothing else hears of it
        machine.record("mode", node, holder, detail=truth(value))
    if isinstance(holder, Free) and holder.name == "self":
        say(frame, target.name, value)
    elif isinstance(holder, Free):
        set_once(frame, holder, target.name, value)
    if target.name == "dataset" and _is_share(
        one(holder)
    ):  # `val.dataset = copy(full)`: the same rows of a copy
        subset = Instance(External("torch.utils.data.Subset"), node, (value, holder), {}, {"dataset": value})
        store(machine, target.value, subset, frame, node)
        return
    for option in options(holder):
        if isinstance(option, External) and option.name == "absl.flags.FLAGS":
            machine.write(machine.declared, ("flag", target.name), value)
        elif isinstance(option, Mapping):  # `settings.epochs = 2` of an attribute dictionary
            machine.write(option.items, target.name, value)
        elif isinstance(option, (Class, Module)) and isinstance(one(value), (Constant, Mapping)):
            overwrite(machine, option, Mapping({target.name: value}))
        elif isinstance(option, Instance) and target.name == "__dict__":
            if value is not option:  # `self.__dict__ = self` of an attribute dictionary
                overwrite(machine, option, value)
            continue
        if isinstance(option, Result) and target.name == "volatile":  # before torch 0.4: as an argument would
            option.keywords = {**option.keywords, target.name: value}
        elif isinstance(option, Result):  # `table.age = ...`
            machine.tables.note_fill(option, Constant(target.name), value, machine.steps)
        if isinstance(option, Instance):
            if _is_set_by_property(machine, option, target.name, value, node):
                continue
            if isinstance(node, s.Assign):
                _note_attribute_sum(machine, target, option.attributes.get(target.name), value, node)
                _note_reset(machine, f".{target.name}", value, node)
                option.places[target.name] = node
            value = in_place_of(machine, option.attributes.get(target.name), value, target, node)
            _note_attached(machine, option, target.name, value, node)
            machine.write(option.attributes, target.name, _counted(option, target.name, value, node))


def _is_share(value: Value) -> bool:
    """Whether it is one part of a data set that is split at random."""
    match value:
        case Item(source=Result(callee=External(name=name))):
            return name == "torch.utils.data.random_split"
    return False


def _is_set_by_property(
    machine: Machine, option: Instance, name: str, value: Value, node: s.Statement
) -> bool:
    """Whether an attribute is a property whose setter has been run in place of a store."""
    found = find_member(option.cls, name) if isinstance(option.cls, Class) else None
    setter = found[0].setter if found is not None and isinstance(found[0], Function) else None
    if found is None or setter is None:
        return False
    machine.call(machine, Bound(setter, option, found[1]), (value,), {}, node, None)
    return True


def _note_attached(machine: Machine, owner: Instance, name: str, value: Value, node: s.Statement) -> None:
    """A module takes the place of another one: modes that were set before did not reach it."""
    old, new = owner.attributes.get(name), one(value)
    if old is None or not isinstance(new, Instance) or not is_module(new) or not is_module(owner):
        return
    if all(
        isinstance(option, Instance) and option is not new and is_module(option) for option in options(old)
    ):
        machine.record("attach", node, owner, new, detail=name)


def _counted(holder: Instance, name: str, value: Value, node: s.Statement) -> Value:
    """The start of a counter is no constant: the loop that counts it up reads it again."""
    start = isinstance(value, Constant) and type(value.value) in (int, float, bool, NoneType)
    if start and isinstance(holder.cls, Class) and name in counters(holder.cls):
        return Result(External("builtins.int"), (value,), {}, node)
    return value


def _note_attribute_sum(
    machine: Machine, target: s.Attribute, old: Value | None, value: Value, node: s.Assign
) -> None:
    match node.value:
        case s.Binary(operator="+", left=s.Attribute(name=name, value=owner)) if name == target.name:
            if isinstance(owner, s.Name) and isinstance(target.value, s.Name) and owner.id == target.value.id:
                if isinstance(value, Result) and len(value.arguments) == 2:
                    machine.record("keep", node, value.arguments[0], value.arguments[1], detail="+")
        case s.Binary() | s.Conditional() if old is not None and _mentions(node.value, f".{target.name}"):
            _note_chain(machine, old, value, node)


def _store_item(machine: Machine, target: s.Subscript, value: Value, frame: Frame, node: s.Statement) -> None:
    holder = machine.evaluate(machine, target.value, frame)
    keys = [machine.evaluate(machine, index, frame) for index in target.indices]
    key = key_of(keys[0]) if len(keys) == 1 else MISSING
    if key is MISSING and _store_each(machine, holder, value):
        return
    if key == "lr" and not all(map(_is_settings, options(holder))):
        machine.record("lr_write", node, holder, value)
        return
    fresh = isinstance(keys[0], Constant) if keys else False
    if not all(_is_array(option) for option in options(holder)):
        detail = "item of one key" if fresh else "item"
        machine.record("keep", node, holder, value, tuple(keys), detail=detail)
    _rebind_whole(machine, target.value, holder, value, frame, node)
    machine.tables.note_fill(
        holder, keys[0] if len(keys) == 1 else Sequence("tuple", tuple(keys)), value, machine.steps
    )
    for option in options(holder):
        note_entry(machine, option, key, value)
        note_put(machine, option, keys, value, node)
        if isinstance(option, (Result, Item)):
            note_hot(machine, option, keys, value)
            weaken(machine, _settings_behind(option), deep=True)
        elif isinstance(option, Mapping):
            if key is not MISSING and _hashable(key):
                machine.write(option.items, key, value)
            else:
                if isinstance(node, s.Assign) and attached(value) is not True:
                    weaken(machine, option)  # `for key, value in unknown.items(): settings[key] = value`
                elif isinstance(node, s.Augment):
                    _grow_each(machine, option, value)
                option.open, option.element = True, value
        elif isinstance(option, Sequence):
            _put_anywhere(option, key, value)
        elif isinstance(option, Module) and isinstance(node, s.Assign):
            overwrite(machine, option, Mapping({key: value}) if isinstance(key, str) else Unknown("names"))
        elif isinstance(option, Instance) and option.attributes.get("*namespace") is not None:
            if key is MISSING:  # an entry that a file of settings names
                weaken(machine, option, deep=True)
            else:
                machine.write(option.attributes, str(key), value)
        elif isinstance(option, Instance) and isinstance(option.cls, Class) and not is_module(option):
            _store_by_method(machine, option, keys, value, node)


def _put_anywhere(holder: Sequence, key: object, value: Value) -> None:
    """`errors = [0] * count; errors[i] = error`: whoever goes through them meets what was put there."""
    start = holder.element
    if key is MISSING and isinstance(start, Constant) and type(start.value) in (int, float):
        holder.element = Choice([start, value])


def _grow_each(machine: Machine, holder: Mapping, value: Value) -> None:
    """`for key in sums: sums[key] += scores[key]`: whichever number of these it is."""
    for key, old in holder.items.items():
        if isinstance(one(old), Constant):
            machine.write(holder.items, key, Choice([old, value]))


def _settings_behind(entry: Value) -> Value:
    """The settings of which a group was taken by a name that nobody knows: `settings[section][name] = value`."""
    inner = entry
    while isinstance(inner, Item):
        inner = one(inner.source)
    return inner if isinstance(inner, Instance) and "*namespace" in inner.attributes else NONE


def _is_settings(holder: Value) -> bool:
    """A dictionary of settings, or an object that keeps them; a group of parameters names these."""
    if isinstance(holder, Mapping):
        return "params" not in holder.items and holder.element is None
    return isinstance(holder, Instance) and (
        isinstance(holder.cls, Class) or holder.attributes.get("*namespace") is not None
    )


def _store_by_method(
    machine: Machine, holder: Instance, keys: list[Value], value: Value, node: s.Statement
) -> None:
    """`settings[name] = value` of a class for settings."""
    assert isinstance(holder.cls, Class)
    found = find_member(holder.cls, "__setitem__")
    if found is not None and isinstance(found[0], Function) and len(keys) == 1:
        machine.call(machine, Bound(found[0], holder, found[1]), (keys[0], value), {}, node, None)


def _is_sorted_out(machine: Machine, value: Value) -> bool:
    """Whether a turn stores only some of the tensors it goes through as they are: `if isinstance(value, float): ...`."""
    if attached(value) is False:
        return False
    for region in machine.region.ancestors():
        if region.kind != "branch" and region.kind != "arm":
            return False
        if region.kind == "arm":
            return True
    return False


def _store_each(machine: Machine, holder: Value, value: Value) -> bool:
    """`for key, value in settings.items(): config[key] = value` copies the entries, whichever turn does it."""
    source = value.each if isinstance(value, Choice) else None
    target = one(holder)
    if not isinstance(source, Mapping) or _is_sorted_out(machine, value):
        return False
    if isinstance(target, Mapping):
        entries = target.items
    elif isinstance(target, Instance) and "*namespace" in target.attributes:
        entries = target.attributes
    else:
        return False
    entries.update(source.items)
    return True


def _is_array(value: Value) -> bool:
    """An array of NumPy takes the number out of a tensor, and so does the data of another tensor."""
    if isinstance(value, Member):
        return value.name == "data"
    if not isinstance(value, Result) or not isinstance(value.callee, External):
        return False
    if value.callee.name.startswith("operator."):  # `np.ones(n) / n`
        arrays = [_is_array(argument) for argument in value.arguments]
        return any(arrays) and all(
            is_array or isinstance(argument, Constant)
            for is_array, argument in zip(arrays, value.arguments, strict=True)
        )
    return value.callee.name.startswith("numpy.")


def _rebind_whole(
    machine: Machine, target: s.Expression, holder: Value, value: Value, frame: Frame, node: s.Statement
) -> None:
    """A store of what may have a graph into a tensor, or into one row of it: `targets[i][action] = best`."""
    whole: Value | None = holder
    if not isinstance(one(holder), Result):
        while isinstance(target, s.Subscript):
            target = target.value
        whole = frame.names.get(target.id) if isinstance(target, s.Name) else None
    if whole is not None and isinstance(one(whole), Result) and attached(value) is not False:
        _rebind(machine, target, whole, value, frame, node)


def _rebind(
    machine: Machine, target: s.Expression, holder: Value, value: Value, frame: Frame, node: s.Statement
) -> None:
    """`outputs[:, t] = scores` puts the graph of the scores into a tensor that had none."""
    changed = Result(External("operator.setitem"), (holder, value), {}, node, machine.grad)
    changed.region = machine.region
    match target:
        case s.Name(id=name) if name in frame.names:
            frame.names[name] = changed
        case s.Attribute(value=owner, name=name):
            owned = one(machine.evaluate(machine, owner, frame))
            if isinstance(owned, Instance) and name in owned.attributes:
                machine.write(owned.attributes, name, changed)


def _hashable(key: object) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def augment(machine: Machine, node: s.Augment, frame: Frame) -> None:
    old = machine.evaluate(machine, node.target, frame)
    value = machine.evaluate(machine, node.value, frame)
    new = _folded(old, node.operator, value)
    if new is None:
        if node.operator == "+" and isinstance(one(old), Sequence):
            new = _extended(machine, old, value, node)
        elif node.operator == "|" and isinstance(one(old), Mapping):
            overwrite(machine, one(old), value)
            return
        else:
            new = Result(External(f"operator.{node.operator}"), (old, value), {}, node, machine.grad)
            new.region = machine.region
    if node.operator == "+":
        if _adds_by_itself(machine, old, value, node):
            return
        if not all(isinstance(option, Item) and _is_array(option.source) for option in options(old)):
            machine.record("keep", node, old, value, detail="+=")
    if is_gradient(old):
        machine.record("rescale", node, old, value)
    weight = descends(old, value) if node.operator in "+-" else None
    if weight is not None:
        machine.record("descent", node, weight, value)
        if machine.grad is False:
            return  # in place, below the graph: the name keeps its tensor
    match node.target:
        case s.Subscript():
            _store_item_quietly(machine, node.target, new, frame, node)
        case _:
            store(machine, node.target, new, frame, node)


def _adds_by_itself(machine: Machine, old: Value, value: Value, node: s.Augment) -> bool:
    """Whether `+=` is a method of the project, which says itself what it keeps."""
    for holder in options(old):
        found = (
            find_member(holder.cls, "__iadd__")
            if isinstance(holder, Instance) and isinstance(holder.cls, Class)
            else None
        )
        if found is not None:
            machine.call(machine, get_attribute(machine, holder, "__iadd__", node), (value,), {}, node, None)
            return True
    return False


def _store_item_quietly(
    machine: Machine, target: s.Subscript, value: Value, frame: Frame, node: s.Statement
) -> None:
    """`sums[key] += loss` has been recorded as `+=` already."""
    region_items = len(machine.region.items)
    _store_item(machine, target, value, frame, node)
    machine.region.items[region_items:] = [
        i for i in machine.region.items[region_items:] if getattr(i, "kind", "") != "keep"
    ]


def _extended(machine: Machine, old: Value, value: Value, node: s.Node) -> Value:
    listed, added = one(old), one(value)
    assert isinstance(listed, Sequence)
    old = listed
    if isinstance(added, Sequence) and added.element is None:
        if (
            old.kind == "list" and machine.writes
        ):  # in one arm of several: the list itself grows, as by `append`
            machine.extend(old, old.items + added.items)
            old.open = old.open or added.open or machine.region.loop is not None
            return old
        return Sequence(old.kind, old.items + added.items, node, old.open or added.open, old.element)
    return Sequence(old.kind, old.items, node, True, old.element or Item(value, None, node))


def _folded(old: Value, operator: str, value: Value) -> Value | None:
    return fold(operator, old, value) if isinstance(old, Constant) and isinstance(value, Constant) else None


def fold(operator: str, left: Constant, right: Constant) -> Value | None:
    """Arithmetic of two constants, where it is cheap and safe."""
    a, b = left.value, right.value
    under = left.under or right.under
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    try:
        match operator:
            case "+" if numbers or (isinstance(a, str) and isinstance(b, str)):
                return Constant(a + b, None, under)
            case "-" if numbers:
                return Constant(a - b, None, under)
            case "*" if numbers:
                return Constant(a * b, None, under, None, (operator, left, right))
            case "/" if numbers:
                return Constant(a / b, None, under, None, (operator, left, right))
            case "//" if numbers:
                return Constant(a // b, None, under, None, (operator, left, right))
            case "%" if isinstance(a, str) and isinstance(b, (str, int)) and len(a) < 200:
                return Constant(a % b, None, under)
            case "%" if numbers:
                return Constant(a % b, None, under)
            case "**" if numbers and abs(b) < 64 and abs(a) < 1e6:
                return Constant(a**b, None, under)
    except (ArithmeticError, ValueError, OverflowError, TypeError):
        return None
    return None
