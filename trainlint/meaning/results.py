"""What the text calls what a call gives: `val_acc = ...`, `history["val_acc"].append(...)`, `print("val acc", ...)`."""

from __future__ import annotations

import re

from trainlint.meaning.claims import says_held_out, says_training
from trainlint.meaning.place import line_before
from trainlint.meaning.syntax import Assign, Name, Node, nodes_in

_TOLD = (
    re.compile(r"^\s*(?P<said>[\w.]+(?:\s*,\s*[\w.]+)*)\s*(?::[^=]*)?\+?=\s*$"),  # names, one or several
    re.compile(r"""\[?\s*["'](?P<said>[^"']{1,60})["']\s*\]?\s*[:=]\s*$"""),  # an entry of a table
    re.compile(r"""(?P<said>\w+)(?:\[["'](?P<key>[^"']+)["']\])?\.append\(\s*$"""),
    re.compile(r"""["'](?P<said>[^"'{}]{1,60})["']\s*,\s*$"""),  # a text beside it
    re.compile(r"""[{}"'](?P<said>[^{}"']{1,60})\{\s*$"""),  # the words before it in a text
    re.compile(r"[(,]\s*(?P<said>\w+)\s*=\s*$"),  # an argument
)


def said_of(node: Node) -> str:
    """The words that the text gives to what a call gives; "" where there are none."""
    line = line_before(node)
    for pattern in _TOLD:
        found = pattern.search(line)
        if found is not None:
            key = found.groupdict().get("key")
            return f"{found['said']} {key}" if key else found["said"]
    return ""


def claim_of(node: Node) -> str:
    """What is said of a result, or of what keeps it, where that says held-out data; not of training too."""
    said = said_of(node)
    if says_training(said):
        return ""
    if says_held_out(said) and not makes_no_claim(said):
        return said.strip()
    return next((name for name in _kept_as(node, said) if says_held_out(name)), "")


def makes_no_claim(said: str) -> bool:
    """Whether words tell what is done with data, not which data it is."""
    return not _NO_CLAIMS.isdisjoint(re.findall(r"[a-z]+", said.lower()))


_NO_CLAIMS = frozenset("eval evaluation dev".split())  # training data can be evaluated


def _kept_as(node: Node, name: str) -> list[str]:
    """The names that `acc`, given once, is kept under: `best_val_acc = acc`."""
    if not name.isidentifier():
        return []
    assigned = [n for n in nodes_in(node.unit.body) if isinstance(n, Assign)]
    given = [n for n in assigned if any(isinstance(t, Name) and t.id == name for t in n.targets)]
    kept = [n for n in assigned if isinstance(n.value, Name) and n.value.id == name]
    return [t.id for n in kept for t in n.targets if isinstance(t, Name)] if len(given) == 1 else []
