"""`dataclass` for a program that starts often: a method is written when it is first called.

The standard decorator writes and compiles up to nine methods for every class as its module is imported, half a
millisecond for each of some 140 classes, of which a run on one file calls few. Here a class gets its fields, slots
and match arguments at once, and each of `__init__`, `__eq__`, `__hash__` and `__repr__` from the standard decorator
with its first call. That a frozen record stays as it is, the type checker sees to.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass
else:

    def dataclass(
        cls: type | None = None, /, *, eq: bool = True, frozen: bool = False, slots: bool = False
    ) -> Any:
        """The standard decorator's arguments, as far as they are needed here, with the same meaning."""
        if cls is None:
            return lambda cls: _record(cls, eq, frozen, slots)
        return _record(cls, eq, frozen, slots)


_ALONE: dict[str, dict[str, Any]] = {  # what makes the standard decorator write one method only
    "__init__": {"init": True},
    "__repr__": {"repr": True},
    "__eq__": {"eq": True},
    "__hash__": {"unsafe_hash": True},
}
_NOTHING: dict[str, Any] = {"init": False, "repr": False, "eq": False}


def _record(cls: type, eq: bool, frozen: bool, slots: bool) -> type:
    written = dict(cls.__dict__)  # before the standard decorator takes the defaults out
    cls.__doc__ = cls.__doc__ or cls.__name__  # else it puts a signature together
    record: type = dataclasses.dataclass(**_NOTHING, slots=slots)(cls)

    def write(name: str) -> None:
        space = {field: written[field] for field in cls.__annotations__ if field in written}
        about = {"__annotations__": cls.__annotations__, "__module__": cls.__module__, "__doc__": cls.__doc__}
        twin = type(cls.__name__, cls.__bases__, {**space, **about, "__qualname__": cls.__qualname__})
        dataclasses.dataclass(**{**_NOTHING, **_ALONE[name]})(twin)
        setattr(record, name, twin.__dict__[name])

    for name in _names(eq, frozen):
        if name not in written:
            setattr(record, name, _late(record, name, write))
    if eq and not frozen and "__hash__" not in written:
        record.__hash__ = None  # type: ignore[assignment]  # what may change has none
    return record


def _names(eq: bool, frozen: bool) -> tuple[str, ...]:
    compared = ("__eq__", "__hash__") if frozen else ("__eq__",)
    return ("__init__", "__repr__", *(compared if eq else ()))


def _late(record: type, name: str, write: Callable[[str], None]) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        write(name)
        return getattr(record, name)(self, *arguments, **keywords)

    return method
