from typing import Any


def module(name: str, world: Any) -> Any:
    raise ImportError(name)
