"""Fragments: what the names stand for that a pasted piece of code uses and nowhere defines.

Forum posts leave out what everybody knows: the imports, and `model = Net()` below `class Net`. Only names that
nothing in the file binds are looked at, so that a program that runs is never read by convention.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.layers import is_module_class
from trainlint.meaning.facts.names import BARE, BY_USE, CONVENTIONAL
from trainlint.meaning.machine import Machine
from trainlint.meaning.modules import has_weights
from trainlint.meaning.objects import external_bases, find_member, is_module, is_of_project_alone
from trainlint.meaning.place import text_of
from trainlint.meaning.unit import Frame, Unit
from trainlint.meaning.values import (
    Argument,
    Class,
    Constant,
    Deferred,
    External,
    Free,
    Function,
    Instance,
    Result,
    Value,
    one,
)

if TYPE_CHECKING:
    from trainlint.meaning.trace import Event
    from trainlint.project import Project

_ANY_MODEL = frozenset("model net network".split())
HEADLESS = (
    "*headless"  # attribute of what stands for `self` in a class that was pasted without its constructor
)
STAND_IN = "*stand-in"  # attribute of the network that an unbound `model` of a fragment is
_MAKING = "*making"  # name in a module while a network is made for one that it leaves unbound
FRESH = "*fresh"  # attribute of a network whose mode nothing in the fragment switches


def meant(frame: Frame, name: str) -> External | None:
    """What a name that nothing brings in means by convention: `nn`, `DataLoader`, `CrossEntropyLoss`."""
    known = CONVENTIONAL.get(name)
    if known is not None and _is_stepped(frame.unit, name):
        return None
    if (
        known is None and "*" not in frame.module.names
    ):  # an unknown library's star import can have brought it
        known = BARE.get(name) or _meant_by_use(frame.unit, name)
    if known is None and _is_torch_by_use(frame.unit, name):
        known = "torch"
    return External(known) if known is not None else None


def _meant_by_use(unit: Unit, name: str) -> str | None:
    """What a name stands for that several libraries have: `Trainer`, by the arguments that only one of them takes."""
    text = unit.source.text
    return next((known for sign, known in BY_USE.get(name, ()) if re.search(sign, text)), None)


def _is_stepped(unit: Unit, name: str) -> bool:
    """Whether a fragment's `optim` is its optimizer, and not the module: no class is taken out of it."""
    text = unit.source.text
    stepped = re.search(rf"\b{name}\.(step|zero_grad)\(", text)
    return stepped is not None and re.search(rf"\b{name}\.[A-Z]", text) is None


def _is_torch_by_use(unit: Unit, name: str) -> bool:
    """`import torch as T` was left out: nothing else has an `.nn` with classes in it."""
    return (
        has_no_imports(unit)
        and re.search(rf"\b{name}\.(nn|optim)\.(?:[A-Z]|utils\.|functional\.|init\.)", unit.source.text)
        is not None
    )


def has_no_imports(unit: Unit) -> bool:
    """Whether a file is a piece of a program: it could not run as it stands."""
    return not any(isinstance(statement, (s.Import, s.ImportFrom)) for statement in unit.body.statements)


def is_left_open(callee: object) -> bool:
    """Whether a fragment does not show what is called: a free name, or the argument of a function nobody calls."""
    if isinstance(callee, Argument):
        return has_no_imports(callee.function.unit)
    return isinstance(callee, Free)


def in_order(unit: Unit) -> s.Block:
    """The statements of a file; in a piece of a program what is defined comes first, in whichever order it was pasted."""
    body = unit.body
    if not has_no_imports(unit):
        return body
    first = [x for x in body.statements if isinstance(x, (s.Define, s.DefineClass)) and not _waits(x, body)]
    others = [x for x in body.statements if all(x is not each for each in first)]
    return s.Block((*_with_network(tuple(first)), *_makers_first(others)), body.assigned, body.words)


def _waits(defined: s.Define | s.DefineClass, body: s.Block) -> bool:
    """Whether a decorator is an object that other statements make: `@trainer.on(...)`."""
    targets = [t for x in body.statements if isinstance(x, s.Assign) for t in x.targets]
    parts = [p for t in targets for p in (t.items if isinstance(t, s.Display) else (t,))]
    made = {p.id for p in parts if isinstance(p, s.Name)}
    return any(_root_of(decorator) in made for decorator in defined.decorators)


def _root_of(decorator: s.Expression) -> str:
    inner = decorator
    while isinstance(inner, (s.Call, s.Attribute)):
        inner = inner.function if isinstance(inner, s.Call) else inner.value
    return inner.id if isinstance(inner, s.Name) else ""


def _makers_first(statements: list[s.Statement]) -> list[s.Statement]:
    """Statements with `model = Net()` before the loop that uses the model, if the paste shows it afterwards."""
    makers = {name: x for x in statements if (name := _made_once(x)) is not None}
    ordered: list[s.Statement] = []

    def put(statement: s.Statement) -> None:
        for name in sorted(makers.keys() & _needed(statement)) if makers else ():
            needed = makers.pop(name)
            if needed is not statement:
                put(needed)
        ordered.append(statement)

    for statement in statements:
        if all(statement is not each for each in ordered):
            put(statement)
    return ordered


def _needed(statement: s.Statement) -> frozenset[str]:
    """The names that a statement uses at once: of a function's, those of its decorators."""
    if isinstance(statement, (s.Define, s.DefineClass)):
        return frozenset(map(_root_of, statement.decorators))
    return _words(statement)


def _made_once(statement: s.Statement) -> str | None:
    """The name that this statement alone binds, to an object of a class: `head = nn.Linear(8, 2)`."""
    match statement:
        case s.Assign(targets=(s.Name(id=name),), value=s.Call(function=function)):
            made = function.name if isinstance(function, s.Attribute) else getattr(function, "id", "")
        case _:
            return None
    bound = rf"^[ \t]*(?:\w+[ \t]*,[ \t]*)*{name}[ \t]*(?:,[ \t]*\w+[ \t]*)*=(?!=)|\bfor\b[^\n]*\b{name}\b[^\n]* in |\bas {name}\b"
    alone = len(re.findall(bound, statement.unit.source.text, re.MULTILINE)) == 1
    return name if alone and made[:1].isupper() else None


def _with_network(defined: tuple[s.Define | s.DefineClass, ...]) -> tuple[s.Statement, ...]:
    """Definitions, with the class around `def forward(self, x)` put back that the paste left out."""
    methods = tuple(x for x in defined if isinstance(x, s.Define) and _is_method(x))
    telling = next((m for m in methods if m.name == "forward"), None) or next(
        (m for m in methods if m.name in _TELLING), None
    )
    if telling is None and (len({m.name for m in methods}) < len(methods) or not _call_each_other(methods)):
        return defined
    first = telling or methods[0]
    cst, unit = first.cst, first.unit
    words = frozenset().union(*(m.body.words for m in methods))
    body = s.Block(methods, frozenset(m.name for m in methods), words)
    home, name = _TELLING.get(first.name, ("nn", "Module"))
    bases = (s.Attribute(cst, unit, s.Name(cst, unit, home), name),) if telling is not None else ()
    network = s.DefineClass(cst, unit, "Network", bases, (), (), body)
    return (*(x for x in defined if x not in methods), network)


def _call_each_other(methods: tuple[s.Define, ...]) -> bool:
    """Whether one of several functions calls another as `self.evaluate()`: they were pasted out of one class."""
    names = "|".join(re.escape(m.name) for m in methods)
    text = methods[0].unit.source.text if len(methods) > 1 else ""
    return re.search(rf"\bself\.(?:{names})\(", text) is not None


# Methods that only one kind of class has, and the class that it is made from.
_TELLING = {
    "training_step": ("pl", "LightningModule"),
    "configure_optimizers": ("pl", "LightningModule"),
    "compute_loss": ("transformers", "Trainer"),
}


def _is_method(define: s.Define) -> bool:
    return bool(define.parameters) and define.parameters[0].name == "self"


def left_out(holder: Instance | Argument | Free, name: str, node: s.Node) -> Value | None:
    """`self.model` of a class whose constructor was left out: what the paste says it is, else a name of its own."""
    if name in _METHODS:
        return None
    if isinstance(holder, Free):
        return (_said(node.unit, name) or Free(f"self.{name}", node)) if has_no_imports(node.unit) else None
    if isinstance(holder, Argument):
        function = holder.function
        if holder.name != "self" or function.owner is not None or not has_no_imports(function.unit):
            return None
        return _said(function.unit, name) or Free(f"self.{name}", node)
    cls = holder.cls
    if HEADLESS in holder.attributes:
        return Free(f"self.{name}", node)
    if not isinstance(cls, Class) or not has_no_imports(cls.unit) or find_member(cls, "__init__") is not None:
        return None
    if is_module(holder):
        return _said(cls.unit, name)
    if not is_of_project_alone(cls) and not all(isinstance(one(b), Free) for b in cls.bases):
        return None
    return Free(f"self.{name}", node)


# What every network has, so that `self.zero_grad` is no part of one.
_METHODS = frozenset(
    "train eval zero_grad parameters named_parameters modules children state_dict load_state_dict to cuda cpu apply"
    " requires_grad_ log log_dict manual_backward optimizers lr_schedulers add_module forward".split()
)


def say(frame: Frame, name: str, value: Value) -> None:
    """Note `self.head = nn.Linear(8, 2)` of a paste that shows no class around it."""
    frame.module.names[f"self.{name}"] = value


def set_once(frame: Frame, holder: Free, name: str, value: Value) -> None:
    """Note `cfg.EPOCHS = 20` of a paste that shows no class of `cfg`, if nothing else sets it."""
    if frame.outer is not None or not isinstance(value, Constant) or not has_no_imports(frame.unit):
        return
    path = f"{holder.name}.{name}"
    written = rf"\b{re.escape(path)}[ \t]*(?:[-+*/]|//|\*\*)?=(?!=)"
    if len(re.findall(written, frame.unit.source.text)) == 1:
        frame.names[path] = value


def setting(holder: Free | Argument, name: str, node: s.Node) -> Value | None:
    """What a paste sets as this attribute of something that it does not show, or uses as a network.

    That is what it switches (`pair.encoder.eval()`), and what it calls the model: `trainer.model(x)`.
    """
    unit, path = node.unit, f"{holder.name}.{name}"
    said = unit.scope.names.get(path) if unit.scope is not None and isinstance(holder, Free) else None
    if said is not None or name in _METHODS | {"module"} or not has_no_imports(unit):
        return said
    text = unit.source.text
    if _is_switched(path, text) and not _is_switched(holder.name, text) and f"{holder.name}(" not in text:
        return Free(path, node)  # and the holder is more than a network
    model = isinstance(holder, Free) and name in _ANY_MODEL and holder.name not in _ANY_MODEL
    return Free(path, node) if model and f"{path}(" in text else None


def _is_switched(path: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(path)}\.(?:train|eval)\(", text) is not None


def _said(unit: Unit, name: str) -> Value | None:
    found = unit.scope.names.get(f"self.{name}") if unit.scope is not None else None
    return None if isinstance(found, Deferred) else found


def lacks_constructor(project: Project, cls: Class) -> bool:
    """Whether what a class's methods use of `self` can be from nowhere: no constructor, no bases, no class made of it.

    The imports may have been pasted all the same.
    """
    if find_member(cls, "__init__") is not None or cls.node.decorators or not is_of_project_alone(cls):
        return False
    file, name = cls.unit.file, cls.node.name
    users = [] if file is None else [f for f in project.dependents([file]) if name in project.words(f)]
    texts = [cls.unit.source.text, *(project.text(user) or "" for user in users)]
    named = re.compile(rf"\bclass\s+\w+\s*\([^)]*\b{name}\b|(?<!class )\b{name}\s*\(")
    return not any(named.search(text) for text in texts)


def is_unseen_schedule(value: Value) -> bool:
    """A fragment's `scheduler`: nothing defines it or its class, or its function is not seen to be called."""
    found = one(value)
    if isinstance(found, Argument) and not has_no_imports(found.function.unit):
        return False  # it may be a schedule of the program's own, with an order of its own
    if isinstance(found, Result) and isinstance(found.callee, Free):
        return _SCHEDULE.search(found.callee.name) is not None and bool(
            found.arguments
        )  # `PolyLR(optimizer, 0.9)`
    if not isinstance(found, (Argument, Free)):
        return False
    return "sched" in found.name.lower()


_SCHEDULE = re.compile(r"^[A-Z]\w*(?:LR|Sched(?:uler)?)$")


def stand_in(machine: Machine, frame: Frame, name: str) -> Value | None:
    """The network that an unbound `model` is: of the one class of the file that nobody is seen to make."""
    module = frame.module
    if module.unit is not machine.entry or name in module.unit.body.assigned or machine.forwarding:
        return None
    cls = _unmade_class(module, name)
    if (
        cls is None
        or _MAKING in module.names
        or re.search(rf"\bglobal\b[^\n]*\b{name}\b", module.unit.source.text)
    ):
        return None
    module.names[_MAKING] = Constant(True)
    try:
        made = _make(machine, cls)
    finally:
        del module.names[_MAKING]
    if made is None or not _has_parts_of(made, name, module.unit.source.text):
        return None
    made.attributes[STAND_IN] = Constant(True)
    module.names[name] = made
    return made


def _has_parts_of(made: Instance, name: str, text: str) -> bool:
    """Whether a network has what the paste uses as parts of it: `model.encoder.eval()`."""
    parts = set(re.findall(rf"(?<!\.)\b{name}\.(\w+)\.(?:train|eval|parameters)\(", text)) - {"module"}
    cls = made.cls
    return all(p in made.attributes or (isinstance(cls, Class) and find_member(cls, p)) for p in parts)


def same_name(machine: Machine, function: Function, name: str) -> Value | None:
    """What the parameter of a fragment's function is that nobody calls: the module's value of that name, or the model."""
    frame = function.scope
    if (
        not isinstance(frame, Frame)
        or function.unit is not machine.entry
        or not has_no_imports(function.unit)
    ):
        return None
    known = frame.module.names.get(name)
    if isinstance(known, Instance):
        return known
    if known is not None:
        return None
    made = stand_in(machine, frame.module, name)
    return Free(name, function.node) if made is None and _is_used_outside(function.unit, name) else made


def _is_used_outside(unit: Unit, name: str) -> bool:
    """Whether the pasted statements around the functions use a name that nothing defines: the functions mean it too."""
    statements = (x for x in unit.body.statements if not isinstance(x, (s.Define, s.DefineClass)))
    return name not in unit.body.assigned and any(name in _words(statement) for statement in statements)


def is_called_a_network(event: Event) -> bool:
    """Whether the statements of a paste themselves apply what it leaves out and calls a model: `scores = model(images)`."""
    callee = one(event.target)
    if not isinstance(callee, Free) or callee.name not in _ANY_MODEL or not has_no_imports(event.node.unit):
        return False
    return not any(region.kind in ("call", "closure") for region in event.region.ancestors())


def _words(statement: s.Statement) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text_of(statement)))


def _unmade_class(module: Frame, name: str) -> Class | None:
    own = [v for v in module.names.values() if isinstance(v, Class) and v.unit is module.unit]
    left = [cls for cls in own if not _is_called(cls) and not _is_base(cls, own)]
    unmade = [cls for cls in left if _is_network(cls)]
    named = [cls for cls in unmade if _letters(cls.node.name) == _letters(name)]
    if len(named) == 1:
        return named[0]
    if len(unmade) == 1 and name in _ANY_MODEL:
        return unmade[0]
    known = left and name != "self" and has_no_imports(module.unit)
    used = _methods_used(module.unit, name) if known else frozenset()
    having = [cls for cls in left if len(used) > 1 and all(find_member(cls, each) for each in used)]
    return having[0] if len(having) == 1 else None


def _methods_used(unit: Unit, name: str) -> frozenset[str]:
    """What a piece of a program calls of a name: `trainer.begin_epoch(...)`, `trainer.update(...)`."""
    calls = (node.function for node in s.nodes_in(unit.body) if isinstance(node, s.Call))
    methods = [called for called in calls if isinstance(called, s.Attribute)]
    return frozenset(m.name for m in methods if isinstance(m.value, s.Name) and m.value.id == name)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def _is_network(cls: Class) -> bool:
    return find_member(cls, "forward") is not None and any(is_module_class(b) for b in external_bases(cls))


def _is_called(cls: Class) -> bool:
    """Whether the text calls a class; `nn.LSTM(...)` is no call of the paste's own `LSTM`."""
    return re.search(rf"(?<!class )(?<![\w.]){cls.node.name}\s*\(", cls.unit.source.text) is not None


def _is_base(cls: Class, others: list[Class]) -> bool:
    return any(cls in other.bases for other in others)


def _leaves_out_layers(cls: Class) -> bool:
    """Whether the constructor was left out of the paste, although `forward` uses what it makes."""
    forward = cls.names.get("forward")
    if "__init__" in cls.names or not isinstance(forward, Function):
        return False
    return isinstance(forward.node, s.Define) and "self" in forward.node.body.words


def _make(machine: Machine, cls: Class) -> Instance | None:
    from trainlint.meaning.calls import standalone_arguments

    found = find_member(cls, "__init__")
    keywords: dict[str, Value] = {}
    if found is not None and isinstance(found[0], Function):
        keywords = standalone_arguments(machine, found[0])
        for parameter in found[0].node.parameters[:1]:
            keywords.pop(parameter.name, None)
    keywords.pop("**", None)
    with machine.unrecorded():
        made = machine.call(machine, cls, (), keywords, None, None)
    if not isinstance(made, Instance):
        return None
    if _is_network(cls) and not (has_weights(made) or _leaves_out_layers(cls)):
        return None  # a criterion or a metric
    made.symbolic = True
    if re.search(r"\.(eval|train)\(", cls.unit.source.text) is None:
        made.attributes[FRESH] = Constant(True)
    return made
