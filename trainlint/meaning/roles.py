"""What an object is to training: an optimizer, a schedule, a scaler, an engine or a module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from trainlint.meaning.facts.optimizers import SCHEDULE_FACTORIES, is_optimizer_class, is_schedule_class
from trainlint.meaning.objects import external_bases, is_module
from trainlint.meaning.values import (
    Argument,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Instance,
    Item,
    Result,
    Value,
    one,
    options,
)

_ENGINES = frozenset("accelerate.Accelerator lightning_fabric.Fabric pytorch_lightning.Fabric".split())
_SCALERS = frozenset("torch.cuda.amp.GradScaler torch.amp.GradScaler torch.GradScaler".split())


def role(value: Value) -> str:
    """What a library object is to training: optimizer, schedule, scaler, engine, module or nothing."""
    value = one(value)
    if isinstance(value, Choice):
        roles = {role(option) for option in options(value) if not is_nothing(option)}
        return roles.pop() if len(roles) == 1 else ""
    cls = _class_of(value)
    if cls is None:
        return ""
    names = [cls.name] if isinstance(cls, External) else external_bases(cls)
    for kind in map(_kind_of, names):
        if kind:
            return kind
    return "module" if is_module(value) else ""


def is_called_scaler(value: Value) -> bool:
    """Whether a parameter is said to be a gradient scaler: `scaler: GradScaler | None = None`."""
    return any(name.endswith("GradScaler") for name in _said(value))


def is_called_schedule(value: Value) -> bool:
    """Whether a parameter is said to be a schedule of PyTorch's: `scheduler: LRScheduler`."""
    return any(map(is_schedule_class, _said(value)))


def _said(value: Value) -> Iterator[str]:
    """The library's classes that a parameter's annotation names."""
    found = one(value)
    said = [found.annotation] if isinstance(found, Argument) and found.annotation is not None else []
    while said:
        match said.pop():
            case External(name=name):
                yield name
            case Choice(options=inner):
                said += inner
            case Item(source=source, key=key):
                said += [source] if key is None else [source, key]
            case Result(arguments=arguments):
                said += arguments


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> str:
    if is_optimizer_class(name):
        return "optimizer"
    if is_schedule_class(name) or name in SCHEDULE_FACTORIES:
        return "schedule"
    if name in _SCALERS or name.endswith("GradScaler"):
        return "scaler"
    return "engine" if name in _ENGINES else ""


def _class_of(value: Value) -> Class | External | None:
    """The class of an object. One made by a parameter that is a class by default will be of its kind."""
    if isinstance(value, Instance):
        return value.cls
    if isinstance(value, Result) and isinstance(value.callee, Argument):
        default = one(value.callee.default) if value.callee.default is not None else None
        return default if isinstance(default, (Class, External)) else None
    return None


def is_nothing(value: Value) -> bool:
    return isinstance(value, Constant) and value.value is None


def is_unseen_object(value: Value) -> bool:
    """`Net()` where nothing defines `Net`."""
    return isinstance(value, Result) and isinstance(value.callee, Free) and value.callee.name[:1].isupper()
