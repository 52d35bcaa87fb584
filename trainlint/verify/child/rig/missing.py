"""What is not here: it can be imported, named and passed around, and raises where its value would matter.

A program imports much that the flagged lines never touch. Failing where something missing is needed, and not
where it is imported, lets them run; nothing is ever guessed about what it would have done.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import torch

MATTERS = (
    torch.Tensor,
    torch.nn.Module,
    torch.optim.Optimizer,
    torch.utils.data.Dataset,
    torch.utils.data.DataLoader,
)

MODES = ("grad", "inference", "eval")


def decides(name: str) -> bool:
    """Whether what is entered decides, by its name, about gradients or modes."""
    return any(word in name.lower() for word in MODES)


class Missing:
    """Something of a module that is not installed, or of a statement that raised; `why` says which."""

    def __init__(self, name: str, why: str) -> None:
        vars(self).update(_name=name, _why=why)

    def _error(self) -> ModuleNotFoundError:
        return ModuleNotFoundError(f"{self._name} is needed, and {self._why}", name=self._name)

    def _of(self, name: str) -> Missing:
        return Missing(name, self._why)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._of(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        return None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if any(_matters(argument) for argument in (*arguments, *keywords.values())):
            raise self._error()
        if len(arguments) == 1 and not keywords and isinstance(arguments[0], types.FunctionType):
            return arguments[0]  # used as a decorator
        return self._of(self._name)

    def __getitem__(self, key: Any) -> Any:
        return self._of(self._name)

    def __or__(self, other: Any) -> Any:
        return self._of(self._name)  # in annotations and flags

    __ror__ = __or__

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (_base(self),)

    def __instancecheck__(self, thing: Any) -> bool:
        return False

    __subclasscheck__ = __instancecheck__

    def __enter__(self) -> Any:
        if decides(self._name):
            raise self._error()
        return self

    def __exit__(self, *problem: Any) -> None:
        return None

    def __str__(self) -> str:
        return ""

    def __format__(self, how: str) -> str:
        return ""

    def __deepcopy__(self, known: Any) -> Any:
        return self

    @classmethod
    def __torch_function__(cls, function: Any, kinds: Any, arguments: Any = (), keywords: Any = None) -> Any:
        raise next(_missing_in((*arguments, *(keywords or {}).values())))._error()

    def _needed(self, *arguments: Any) -> Any:
        raise self._error()

    __bool__ = __iter__ = __len__ = __int__ = __float__ = __index__ = __array__ = __fspath__ = (
        __contains__
    ) = _needed
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _needed
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = (
        _needed
    )
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __next__ = __reduce_ex__ = _needed  # fmt: skip


class MissingModule(types.ModuleType):
    """A module that is not installed; `from it import name` gives something missing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}", f"{self.__name__.partition('.')[0]} is not installed")


def _base(missing: Missing) -> type:
    """What a class is built on where its base is missing: it can be defined, and not be used."""

    def refuse(kind: type, *arguments: Any, **keywords: Any) -> Any:
        raise missing._error()

    return type(
        missing._name.rpartition(".")[2],
        (),
        {"__new__": refuse, "__init_subclass__": lambda kind, **keywords: None},
    )


def _matters(value: Any) -> bool:
    """Whether what becomes of a value may decide what the program learns."""
    if isinstance(value, (list, tuple)):
        return any(_matters(item) for item in value[:8])
    if isinstance(value, dict):
        return any(_matters(item) for item in list(value.values())[:8])
    return isinstance(value, (*MATTERS, types.GeneratorType))


def _missing_in(values: Any) -> Iterator[Missing]:
    for value in values:
        if isinstance(value, Missing):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _missing_in(value)
