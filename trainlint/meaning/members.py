"""Which attributes of a class its methods use: a layer that no method names takes no part."""

from __future__ import annotations

from trainlint.meaning.objects import lineage
from trainlint.meaning.syntax import Attribute, Call, Define
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Class, Constant, External, Function, Mapping, Sequence

ALL_CHILDREN = frozenset(
    "children modules named_children named_modules _modules getattr __dict__ vars".split()
)
_MADE_BEFORE = ("__init__", "train", "eval")  # they set layers up, or switch them, and use none


def used_names(cls: Class, entry: str | None = None) -> frozenset[str] | None:
    """All words of the methods that a call of `entry` can lead to, of all methods where that is None.

    None where they do not tell: a base outside the project has methods too, or one goes through all parts.
    """
    known = cls.used.get(entry)
    if known is None:
        known = cls.used[entry] = (_used(cls, entry),)
    return known[0]


def _used(cls: Class, entry: str | None) -> frozenset[str] | None:
    homes = [base for base in lineage(cls) if isinstance(base, Class)]
    others = [base for base in lineage(cls) if not isinstance(base, Class)]
    if not all(isinstance(base, External) and base.name.endswith(_PLAIN_BASES) for base in others):
        return None
    methods: dict[str, list[Define]] = {}
    for home in homes:
        for name, member in home.names.items():
            if isinstance(member, Function) and isinstance(member.node, Define):
                methods.setdefault(name, []).append(member.node)
            elif not isinstance(member, (Constant, Sequence, Mapping, Class)):
                return None  # a method behind a decorator that nobody knows
    pending = [entry] if entry is not None else [name for name in methods if name not in _MADE_BEFORE]
    if entry is not None and entry not in methods:
        return None
    found: set[str] = set()
    for name in pending:
        for node in methods[name]:
            found |= node.body.words
        pending += [word for word in methods if word in found and word not in pending]
    return frozenset(found) if ALL_CHILDREN.isdisjoint(found) else None


_PLAIN_BASES = ("nn.Module", "module.Module", "LightningModule", "builtins.object")


def entry_of(event: Event) -> str | None:
    """The method by which a forward enters its module."""
    if event.detail != "method":
        return "forward"
    call = event.node
    return call.function.name if isinstance(call, Call) and isinstance(call.function, Attribute) else None
