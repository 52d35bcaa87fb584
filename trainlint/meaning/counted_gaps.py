"""Empty cells that a program counts, prints, and does nothing about: `print(table.isnull().sum())`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.missing import NONE_MISSING, Gap, Gaps
from trainlint.meaning.raw_tables import back_to_file, named_columns
from trainlint.meaning.values import External, Item, Member, Result, called, one

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_COUNTING = frozenset(("isnull", "isna"))
# What speaks of care for them anywhere in the file, also where nobody sees that it meets these very cells.
_CARE = re.compile(
    r"\b(?:dropna|fillna|ffill|bfill|interpolate|notna|notnull|isnan|isfinite|nan_to_num|nan\w+|\w*Imputer|assert|raise|exit"
    r"|masked_\w+|na_values)\b|\.(?:any|all)\("
)


def counted_gaps(program: Program) -> dict[int, Gaps]:
    """By the identity of a file that is read, the cells that a script counts and says; a notebook shows what it counted."""
    found: dict[int, Gaps] = {}
    for call in program.reading.tables.calls:
        node = call.node
        if called(call) not in _COUNTING or not isinstance(call.callee, Member) or node is None:
            continue
        if node.unit.source.notebook or _CARE.search(node.unit.source.text) or not _is_said(node):
            continue
        table, columns = one(call.callee.receiver), None
        if isinstance(table, Item) and table.key is not None:
            columns = named_columns(one(table.key))
            table = one(table.source) if columns is not None else table
        *_, file = back_to_file(table)
        if not isinstance(file, Result) or not isinstance(file.callee, External):
            continue
        if file.callee.name.startswith("pandas.read_"):
            gaps = frozenset(Gap(node, column, True) for column in columns or (None,))
            found[id(file)] = found.get(id(file), NONE_MISSING) | gaps
    return found


def _is_said(count: s.Node) -> bool:
    """Whether a count is printed or kept, and no condition asks for it."""
    said, names = False, set[str]()
    for node in s.nodes_in(count.unit.body):
        match node:
            case s.Assign(targets=targets, value=value) if value is not None and _holds(value, count):
                names |= {name.id for target in targets for name in s.names_in(target)}
                said = True
            case s.Evaluate(value=s.Call(arguments=arguments)) if any(
                _holds(a.value, count) for a in arguments
            ):
                said = True
    return said and not any(
        _holds(node.test, count) or any(name.id in names for name in s.names_in(node.test))
        for node in s.nodes_in(count.unit.body)
        if isinstance(node, (s.If, s.While, s.Conditional))
    )


def _holds(whole: s.Node, part: s.Node) -> bool:
    return any(
        getattr(node, "cst", None) is part.cst for node in s.nodes_in(whole)
    )  # of some parts none is kept
