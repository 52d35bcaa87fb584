"""Settings of a file that only the command line names: what all files agree on that the program could be given.

`python train.py --config configs/large.yaml`: the files of the project whose entries the program speaks of are
what it is run with. An entry that all of them have alike is known; where they differ it is one of a few; where
some lack it, nobody knows. Files of data have entries that no program speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainlint.configurations import read_configuration, resolve_references
from trainlint.meaning.arguments import is_open_option
from trainlint.meaning.conditions import usual
from trainlint.meaning.configured import SAME_METHODS, SAME_PATH, as_value
from trainlint.meaning.machine import Machine
from trainlint.meaning.syntax import Node
from trainlint.meaning.values import (
    Argument,
    Choice,
    Condition,
    Constant,
    External,
    Instance,
    Item,
    Mapping,
    Member,
    Result,
    Unknown,
    Value,
    choice,
    one,
)

MOST_FILES = 12  # that a program may be given; of more of them nobody knows what they have in common
MOST_READ = 40
_FEWEST_ENTRIES = 2
_SPOKEN_OF = 0.75  # of the entries at the top of a file the program names at least so many
_DEEPEST = 8

Named = tuple[str, Any]  # the path of a file, and what it holds


def candidate_settings(
    machine: Machine, given: Value | None, node: Node | None, suffixes: Sequence[str], resolved: bool = False
) -> Value | None:
    """What a file may hold whose name the command line has to give; None where another one may be meant."""
    if given is None or node is None or not is_named_at_start(given):
        return None
    unit = machine.entry if machine.entry is not None else node.unit
    if unit.file is None:
        return None
    spoken = machine.spoken(unit.file)
    files = [file for file in machine.configurations() if file.suffix in suffixes]
    found = [(str(file), read_configuration(file)) for file in files] if len(files) <= MOST_READ else []
    fitting = [(name, held) for name, held in found if _fits(held, spoken)]
    if not 0 < len(fitting) <= MOST_FILES:
        return None
    if resolved:
        fitting = [(name, resolve_references(held)) for name, held in fitting]
    return _shared(fitting, "", node, 0)


def _fits(held: Any, spoken: frozenset[str]) -> bool:
    if not isinstance(held, dict) or len(held) < _FEWEST_ENTRIES:
        return False
    named = [key for key in held if isinstance(key, str) and key in spoken]
    return len(named) >= _SPOKEN_OF * len(held)


def is_named_at_start(value: Value, depth: int = 0) -> bool:
    """Whether a path is what an option holds that has no default: `open(args.config)`, `Path(sys.argv[1])`."""
    found = one(value)
    if isinstance(found, Choice):
        left = usual(found)
        found = left[0] if len(left) == 1 else found
    if depth > _DEEPEST:
        return False
    match found:
        case Constant(value=None | "", under=str()):
            return True
        case Unknown():
            return is_open_option(found)
        case Argument(default=None):
            return True
        case Item(source=External(name="sys.argv")):
            return True
        case Result(callee=External(name="os.path.join" | "operator./"), arguments=[*_, last]):
            return is_named_at_start(last, depth + 1)
        case Result(callee=External(name=name), arguments=[first, *_]) if name in SAME_PATH:
            return is_named_at_start(first, depth + 1)
        case Instance(cls=External(name=name), arguments=[first, *_]) if name in SAME_PATH:
            return is_named_at_start(first, depth + 1)
        case Result(callee=Member(receiver=receiver, name=name)) if name in SAME_METHODS:
            return is_named_at_start(receiver, depth + 1)
    return False


def _shared(parts: list[Named], key: str, node: Node, depth: int) -> Value:
    """What several files say under one key, as one value."""
    held = [value for _, value in parts]
    if all(isinstance(value, dict) for value in held) and depth <= _DEEPEST:
        return Mapping(
            {
                name: _entry(parts, name, f"{key}.{name}" if key else str(name), node, depth)
                for name in dict.fromkeys(name for value in held for name in value)
            },
            node,
        )
    if all(type(value) is type(held[0]) and value == held[0] for value in held):
        return as_value(held[0], _names(parts), node, key)
    if any(isinstance(value, (dict, list)) for value in held):
        return Unknown(key, node)
    apart: dict[tuple[type, Any], list[Named]] = {}
    for name, value in parts:
        apart.setdefault((type(value), value), []).append((name, value))
    alike = list(apart.values())
    found = [as_value(group[0][1], _names(group), node, key) for group in alike]
    return choice(found, None, [_in_one_of(group) for group in alike])


def _entry(parts: list[Named], name: str, key: str, node: Node, depth: int) -> Value:
    having = [(file, value[name]) for file, value in parts if name in value]
    found = _shared(having, key, node, depth + 1)
    if len(having) == len(parts):
        return found
    missing = Unknown(f"{key} of another file", node)
    without = [(file, value) for file, value in parts if name not in value]
    under = {id(found): _in_one_of(having), id(missing): _in_one_of(without)}
    return Choice([found, missing], under=under)


def _in_one_of(parts: list[Named]) -> tuple[Condition, ...]:
    """That the file is one of these: what another one says does not meet what they say."""
    asked = ("in", tuple(name for name, _ in parts))
    return ((Constant(True, None, "the file of settings", asked), True),)


def _names(parts: list[Named]) -> str:
    first = Path(parts[0][0]).name
    return first if len(parts) == 1 else f"{first} and {len(parts) - 1} more"
