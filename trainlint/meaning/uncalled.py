"""Switches to eval mode that are named and not called: `model.eval` alone on its line does nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainlint.meaning.place import text_of
from trainlint.meaning.syntax import Attribute, Evaluate, Name, nodes_in
from trainlint.meaning.unit import Unit

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

# What networks are asked for beside it, and data frames, whose `eval` takes a text, are not.
_OF_NETWORKS = r"(?:train|parameters|named_parameters|state_dict|load_state_dict|zero_grad)\("


def uncalled_switches(program: Program) -> list[Attribute]:
    """Such statements of the entry file, about what it treats as a network elsewhere."""
    unit = program.reading.entry
    if "eval" not in unit.code_words:
        return []
    statements = (node for node in nodes_in(unit.body) if isinstance(node, Evaluate))
    return [s.value for s in statements if isinstance(s.value, Attribute) and _is_switch(unit, s.value)]


def _is_switch(unit: Unit, asked: Attribute) -> bool:
    if asked.name != "eval" or not isinstance(asked.value, (Name, Attribute)):
        return False
    holder = re.escape(text_of(asked.value))
    return re.search(rf"(?<![\w.]){holder}\.{_OF_NETWORKS}", unit.source.text) is not None
