"""A small double of pydantic, for where it is not installed: settings have what their classes declare, and nothing is checked."""

from __future__ import annotations

import dataclasses
import pathlib
import types
import typing
from typing import Any

from . import doubles
from .inert import Inert

NOTHING: Any = object()


class Declared:
    """What `Field` says of an entry, as far as it decides about its value."""

    def __init__(self, default: Any = NOTHING, default_factory: Any = None) -> None:
        self.default, self.default_factory = default, default_factory

    def made(self) -> Any:
        return self.default_factory() if self.default_factory is not None else self.default


def field(default: Any = NOTHING, *, default_factory: Any = None, **said: Any) -> Any:
    return Declared(NOTHING if default is ... else default, default_factory)


class BaseModel:
    """Entries by keyword, the others as the class declares them."""

    def __init__(self, **given: Any) -> None:
        for name, kind in _entries(type(self)).items():
            said = getattr(type(self), name, NOTHING)
            value = given.pop(name, NOTHING)
            if value is NOTHING:
                value = said.made() if isinstance(said, Declared) else _fresh(said)
            else:
                value = _of_kind(kind, value)
            if value is NOTHING:
                raise ValueError(f"{name} of {type(self).__name__} is required")
            vars(self)[name] = value
        vars(self).update(given)
        self.model_post_init(None)

    def model_post_init(self, context: Any) -> None:
        return None

    def model_dump(self, **how: Any) -> dict[str, Any]:
        return {name: v.model_dump() if isinstance(v, BaseModel) else v for name, v in vars(self).items()}

    def model_copy(self, *, update: Any = None, **how: Any) -> Any:
        return type(self)(**{**vars(self), **(update or {})})

    @classmethod
    def model_validate(cls, given: Any, **how: Any) -> Any:
        return given if isinstance(given, cls) else cls(**given)

    dict, copy, parse_obj = model_dump, model_copy, model_validate

    def __init_subclass__(cls, **settings: Any) -> None:
        return None


def _entries(kind: type) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(kind)
    except Exception:  # names that only a checker of types has
        hints = {
            name: said
            for one in reversed(kind.__mro__)
            for name, said in vars(one).get("__annotations__", {}).items()
        }
    return {name: hint for name, hint in hints.items() if name != "model_config" and not _shared(hint)}


def _shared(hint: Any) -> bool:
    """Whether it is an attribute of the class itself."""
    return typing.get_origin(hint) is typing.ClassVar or str(hint).startswith(("ClassVar", "typing.ClassVar"))


def _fresh(default: Any) -> Any:
    return type(default)(default) if isinstance(default, (list, dict, set)) else default


def _of_kind(kind: Any, value: Any) -> Any:
    """A value as an entry of a kind takes it: settings out of a dictionary, a path or a number out of a text."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        return kind(**value)
    return kind(value) if kind in (int, float, pathlib.Path) and isinstance(value, str) else value


def _passing(*arguments: Any, **keywords: Any) -> Any:
    """A decorator of what checks values, with arguments or without."""
    if len(arguments) == 1 and not keywords and not isinstance(arguments[0], str):
        return arguments[0]
    return lambda function: function


KNOWN: dict[str, Any] = {
    "BaseModel": BaseModel, "BaseSettings": BaseModel, "Field": field, "ConfigDict": dict, "SettingsConfigDict": dict,
    "dataclass": dataclasses.dataclass, "field_validator": _passing, "validator": _passing, "model_validator": _passing,
    "root_validator": _passing, "computed_field": _passing, "field_serializer": _passing, "validate_call": _passing,
    "PrivateAttr": field, "ValidationError": ValueError,
}  # fmt: skip


def module(name: str) -> types.ModuleType:
    """The double of `pydantic`, of what reads settings with it, or of a module in these."""
    return doubles.module(name, lambda asked: _named(name, asked))


def _named(owner: str, name: str) -> Any:
    return module(f"{owner}.{name}") if name == "dataclasses" else KNOWN.get(name, Inert(name))
