"""What authors say that data is for, by the names that they give it: held out, or for training.

A name is no evidence of what data is. It is evidence of what its author takes it for, and where the two differ
somebody has to be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from trainlint.meaning.place import line_before, qualified_name
from trainlint.meaning.syntax import Node

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NOUNS = "(?:data)?(?:loader|set|data|ds|dl|iter|iterator|gen|generator)?s?"
_HELD_OUT = re.compile(
    rf"[xy]?(?:val|va|vali|valid|validation|validate|dev|test|te|tst|testing|eval|evaluation|holdout|heldout){_NOUNS}"
)  # `Xval` and `y_te` are tables of them
_VALIDATION = re.compile(rf"[xy]?(?:val|va|vali|valid|validation|validate|dev|holdout|heldout){_NOUNS}")
_TEST = re.compile(rf"[xy]?(?:test|te|tst|testing){_NOUNS}")
_TRAINING = re.compile(rf"[xy]?(?:train|training|trn|tr){_NOUNS}")

_TRIAL = re.compile(r"(?i)test|demo|smoke|tutorial|quickstart|toy|sanity|debug|bench|profile|overfit")
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def is_trial(path: str) -> bool:
    """Whether the name of a file says that it only tries something out."""
    return _TRIAL.search(path.rpartition("/")[2]) is not None


def speaks_of(program: Program, parts: re.Pattern[str]) -> bool:
    """Whether one of these words is a part of a name in the code: `VAE` of `ConvVAE`, written with lines between the parts."""
    names = (name for unit in program.units for name in unit.code_words)
    return any(parts.search(_PARTS.sub("_", name)) is not None for name in names)


def says_held_out(name: str) -> bool:
    """Whether a name says that something is for evaluation, and not for training as well."""
    words = _words(name)
    return any(map(_HELD_OUT.fullmatch, words)) and not any(map(_TRAINING.fullmatch, words))


def says_validation(name: str) -> bool:
    words = _words(name)
    return any(map(_VALIDATION.fullmatch, words)) and not any(map(_TRAINING.fullmatch, words))


def says_test(name: str) -> bool:
    words = _words(name)
    return any(map(_TEST.fullmatch, words)) and not any(map(_VALIDATION.fullmatch, words))


def says_training(name: str) -> bool:
    return any(map(_TRAINING.fullmatch, _words(name)))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def name_given(node: Node) -> str:
    """What the text calls what it makes at a node: `val_loader = ...`, `"val": ...`, `val_loader=...`, `def val_loader(): return ...`."""
    line = line_before(node)
    several = _SEVERAL.match(line)
    if several is not None:
        return _of_several(several["names"], line[several.end() :])
    for pattern in (_ENTRY, _KEYWORD, _ASSIGNED, _OR_ELSE):
        found = pattern.search(line)
        if found is not None:
            return found["name"]
    return qualified_name(node).rpartition(".")[2] if line.lstrip().startswith("return") else ""


def _of_several(names: str, before: str) -> str:
    """The name of `train, test = make(1), make(2)` that stands where the value does."""
    depth = place = 0
    for sign in before:
        depth += (sign in "([{") - (sign in ")]}")
        place += sign == "," and depth == 0
    listed = [name.strip() for name in names.split(",")]
    return listed[place].rpartition(".")[2] if depth == 0 and place < len(listed) else ""


_SEVERAL = re.compile(r"^\s*(?P<names>[\w.]+(?:\s*,\s*[\w.]+)+)\s*=(?!=)")
_ENTRY = re.compile(r"""["'](?P<name>\w+)["']\s*\]?\s*[:=]\s*$""")
_KEYWORD = re.compile(r"[(,]\s*(?P<name>\w+)\s*=\s*$")
_OR_ELSE = re.compile(r"^\s*(?P<name>[\w.]+)\s*(?::[^=]*)?=\s*\(?\s*None\s+if\s.*\selse\s*$")
_ASSIGNED = re.compile(r"^\s*(?P<name>[\w.]+)\s*(?::[^=]*)?=\s*$")


def first_of_validation(words: Iterable[str]) -> str:
    """The first of some names that says validation; "" where none does, or where another one speaks of training."""
    found = sorted(words)
    if any(map(says_training, found)):
        return ""
    return next((word for word in found if "_" in word and says_validation(word)), "")
