"""What argparse lacks: errors of one line, lists of names, and numbers and devices that are checked."""

from __future__ import annotations

import argparse
import re
import sys
from typing import NoReturn

from trainlint.patterns import is_pattern


class Parser(argparse.ArgumentParser):
    """argparse has no other door to one-line errors."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message} (see {self.prog} --help)\n")
        raise SystemExit(2)


class Names(argparse.Action):
    """`a,b` and repeated options end up in one tuple; None where the option is not given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        names = tuple(name.strip() for name in str(values).split(",") if name.strip())
        if not names:
            parser.error(f"{option_string} needs a name")
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), *names))


def patterns(text: str) -> str:
    """Patterns of paths, with commas between them."""
    for name in filter(None, map(str.strip, text.split(","))):
        if not is_pattern(name):
            raise argparse.ArgumentTypeError(f"`{name}` is no pattern of paths")
    return text


def count(text: str) -> int:
    """A number from 1."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a number from 1, not {text!r}")


def device(text: str) -> str:
    """Where experiments run."""
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        return text
    raise argparse.ArgumentTypeError(f"must be auto, cpu or cuda[:N], not {text!r}")


def seconds(text: str) -> float:
    """A positive number."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if 0 < number < float("inf"):
        return number
    raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}")
