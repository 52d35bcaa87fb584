"""Packages that take seconds to import: loaded once in the warm process, before the programs that want them are forked.

What is named here is installed beside torch, starts no threads and keeps nothing of its surroundings when it is imported. A
project's own module of such a name goes first, as everywhere.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from .tables import HOMES

PACKAGES = ("scipy", "pandas", "sklearn")  # numpy comes with torch
MOST_NAMES = 64  # of one request
_IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+(?P<module>(?:{'|'.join(PACKAGES)})\b[\w.]*)[ \t]+import[ \t]+\(?(?P<names>[\w, \t]*)"
    rf"|import[ \t]+(?P<modules>[^\n#;]*\b(?:{'|'.join(PACKAGES)})\b[^\n#;]*))",
    re.MULTILINE,
)


def wishes(request: Mapping[str, Any]) -> list[str]:
    """What the program of a request may import of the packages, and what runs before it did import."""
    texts = [str(request.get("program")), *map(str, (request.get("overlay") or {}).values())]
    known = [str(name) for name in request.get("packages") or () if _package(str(name)) in PACKAGES]
    return [*(name for text in texts for name in names_in(text)), *known]


def prepare(names: Iterable[str], done: set[str]) -> bool:
    """Import what was not tried before; whether there was any."""
    wanted = [name for name in dict.fromkeys(names) if name not in done][:MOST_NAMES]
    done.update(wanted)
    for name in wanted:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # the other end of stdout takes answers only
                importlib.import_module(name)
        except (
            Exception,
            SystemExit,
        ):  # a class and no module, or not installed: the program finds out itself
            continue
    return bool(wanted)


def imported() -> list[str]:
    """The larger parts of the packages that a program has imported by now."""
    return sorted(
        name
        for name in sys.modules
        if _package(name) in PACKAGES and name.count(".") < 2 and "._" not in name
    )[:MOST_NAMES]


def names_in(text: str) -> list[str]:
    """What might be modules of these packages among what a text imports."""
    found: dict[str, None] = {}
    for match in _IMPORT.finditer(text):
        words = re.findall(r"[\w.]+", match["names"] or "")
        named = [match["module"]] if match["module"] else re.findall(r"[\w.]+", match["modules"])
        within = [f"{match['module']}.{word}" for word in words] if match["module"] in PACKAGES else []
        found |= dict.fromkeys(name for name in (*named, *within) if _package(name) in PACKAGES)
    if any(name.startswith("sklearn") for name in found):
        found |= dict.fromkeys(("sklearn.model_selection", *(f"sklearn.{home}" for home in HOMES)))
    return list(found)


def give_way(folders: Iterable[str]) -> None:
    """Forget those of the packages that a project has modules of its own for."""
    for folder in folders:
        for package in PACKAGES:
            place = os.path.join(folder, package)
            if os.path.isfile(place + ".py") or os.path.isdir(place):
                for name in [known for known in sys.modules if _package(known) == package]:
                    del sys.modules[name]


def _package(name: str) -> str:
    return name.partition(".")[0]
