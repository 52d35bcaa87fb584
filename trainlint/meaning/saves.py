"""What a project's text says about the files that it saves, wherever the runs that save them are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlint.meaning.dataflow import walk
from trainlint.meaning.paths import fixed_parts
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Constant, Value
from trainlint.project import Project


def saves_from_the_cpu(project: Project, named: tuple[str, ...] = ()) -> bool:
    """Whether all that the project saves was moved to the CPU right before; what it saves under a name, if it does."""
    places = list(_saves(project))
    under_it = [(text, found) for text, found in places if named and _says_all(text, found, named)]
    return bool(places) and all(
        _TO_CPU.search(text, max(0, found.start() - _NEAR), found.end() + _NEAR)
        for text, found in under_it or places
    )


def _saves(project: Project) -> Iterator[tuple[str, re.Match[str]]]:
    """The saves of a project's files, each with the file's text."""
    for file in project.files:
        if "save" in project.words(file):
            text = project.text(file) or ""
            yield from ((text, save) for save in _SAVE.finditer(text))


def _says_all(text: str, save: re.Match[str], words: tuple[str, ...]) -> bool:
    """Whether the function around a save says these words."""
    start = max(text.rfind("def ", 0, save.start()), save.start() - _WIDER, 0)
    end = text.find("def ", save.end(), save.end() + _NEAR)
    around = text[start : end if end >= 0 else save.end() + _NEAR]
    return all(word in around for word in words)


def is_published(project: Project, load: Event, path: Value) -> bool:
    """Whether the code says where to fetch torchvision's weights, and saves no file of this name itself."""
    written = [v.node for v in walk(path) if isinstance(v, Constant) and v.node is not None]
    if not any(_PUBLISHED in place.unit.source.text for place in (load.node, *written)):
        return False
    parts = fixed_parts(path)
    saved = (text[save.start() : save.end() + _NEAR].partition("\n")[0] for text, save in _saves(project))
    return bool(parts) and not any(part in call for call in saved for part in parts)


_NEAR = 200  # characters: a few lines
_WIDER = 2000
_PUBLISHED = "download.pytorch.org/models/"  # stored there from the CPU
_SAVE = re.compile(r"\btorch\.save\(")
_TO_CPU = re.compile(r"""\.cpu\(\)|\.to\(\s*(?:device\s*=\s*)?(?:torch\.device\(\s*)?["']cpu["']""")
