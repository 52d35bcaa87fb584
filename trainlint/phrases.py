"""Phrases that many messages share."""

from __future__ import annotations


def counted(number: float, noun: str) -> str:
    """`1 epoch`, `2.5 epochs`, `45,000 samples`."""
    written = f"{number:g}" if number % 1 else f"{number:,.0f}"
    return f"{written} {noun}{'s' * (number != 1)}"


def default_of(flag: str | None) -> str:
    """What follows a number that is known as the default of a flag: `` (`--epochs` default)``."""
    return f" (`{flag}` default)" if flag else ""
