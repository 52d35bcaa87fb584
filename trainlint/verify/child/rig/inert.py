"""An object that takes everything and does nothing: loggers, progress bars, plots, writers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Inert:
    """Callable, indexable, usable in `with` and `for`; as a number it is 0, as a truth it is false."""

    def __init__(self, name: str = "inert") -> None:
        object.__setattr__(self, "_inert_name", name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (Watching,)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if len(arguments) == 1 and not keywords and callable(arguments[0]):
            return arguments[0]  # used as a decorator
        return Inert(self._inert_name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Inert(f"{self._inert_name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int) and key > 8:
            raise IndexError(key)
        return Inert(self._inert_name)

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter((Inert(self._inert_name), Inert(self._inert_name)))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *problem: Any) -> None:
        return None

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __index__(self) -> int:
        return 0

    def __str__(self) -> str:
        return ""

    def __format__(self, how: str) -> str:
        return format(0.0, how) if how else ""

    def __fspath__(self) -> str:
        return "inert"

    def __lt__(self, other: Any) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__

    def __add__(self, other: Any) -> Any:
        return Inert(self._inert_name)

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = (
        __mod__
    ) = __add__


class Watching:
    """What a class of the program's own is built on, where its base only watches."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)
