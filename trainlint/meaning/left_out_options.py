"""The command line of a paste: the parser that it does not make, and the options that it does not parse."""

from __future__ import annotations

import re

from trainlint.meaning import syntax as s
from trainlint.meaning.arguments import offered_options, parsed_arguments
from trainlint.meaning.machine import Machine
from trainlint.meaning.unit import Frame
from trainlint.meaning.values import External, Instance, Member, Value


def command_line(machine: Machine, frame: Frame, name: str, node: s.Node) -> Value | None:
    """The parser, or what it makes of the command line, that a name is which nothing in the file binds."""
    module = frame.module
    unit = module.unit
    if unit is not machine.entry or "*" in module.names or name in unit.body.assigned:
        return None
    text = unit.source.text
    if "add_argument" not in text or re.search(rf"\bglobal\b[^\n]*\b{name}\b", text):
        return None
    if re.search(rf"\b{name}\.add_argument\(", text):
        found: Value | None = Instance(External("argparse.ArgumentParser"), node)
    else:
        found = _parsed(machine, module, name, node)
    if found is not None:
        module.names[name] = found
    return found


def _parsed(machine: Machine, module: Frame, name: str, node: s.Node) -> Value | None:
    """`args`, of which nothing is asked but options of the one parser that there is."""
    parsers = [v for v in module.names.values() if isinstance(v, Instance) and offered_options(v)]
    asked = set(re.findall(rf"(?<![\w.]){name}\.(\w+)", module.unit.source.text))
    if len(parsers) != 1 or not asked or not asked <= offered_options(parsers[0]).keys():
        return None
    return parsed_arguments(machine, Member(parsers[0], "parse_args", node), (), {}, node)
