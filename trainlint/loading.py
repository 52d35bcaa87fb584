"""Finds the files of rules, the machine's own and a user's, and imports them into pages.

One wall stands here: a file that raises while it is imported becomes a `BookError` that names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import trainlint
from trainlint.config import shown
from trainlint.page import Page, PageError, make_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

MACHINE = "machine"  # the family of what the machine itself has to say


class BookError(Exception):
    """A file of rules that cannot be used; its text is one line that names the file."""

    def __init__(self, file: Path, message: str, line: int | None = None) -> None:
        self.file, self.message, self.line = file, message, line
        super().__init__(f"{shown(file)}:{line}: {message}" if line else f"{shown(file)}: {message}")

    def __reduce__(self) -> tuple[type[BookError], tuple[Path, str, int | None]]:
        return BookError, (self.file, self.message, self.line)


def own_pages() -> Iterator[Page]:
    """The rules that trainlint ships."""
    for file in _family_files(_own_folder()):
        name = f"trainlint.rules.{file.parent.name}.{file.stem}"
        yield _page(file, _hyphened(file.parent.name), importlib.import_module, name)
    machine = importlib.import_module("trainlint.unused_suppression")
    yield make_page("unused-suppression", MACHINE, machine, Path(str(machine.__file__)))


def pages_of(folder: Path) -> Iterator[Page]:
    """The rules of a user's folder: `FAMILY/NAME.py`, or `NAME.py` in a folder that is itself the family."""
    if not folder.exists():
        raise BookError(folder, "there is no such folder of rules")
    files = [folder] if folder.is_file() else [*_rule_files(folder), *_family_files(folder)]
    if not files:
        raise BookError(folder, "holds no rules: a rule is a file NAME.py or FAMILY/NAME.py")
    for file in files:
        yield _page(file, _hyphened(file.absolute().parent.name), _import_file, str(file.absolute()))


def _page(file: Path, family: str, load: Callable[[str], ModuleType], name: str) -> Page:
    try:
        return make_page(_hyphened(file.stem), family, load(name), file)
    except PageError as error:
        raise BookError(file, error.message) from None
    except SyntaxError as error:
        raise BookError(file, f"does not parse: {error.msg}", error.lineno) from None
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        reason = " ".join(str(error).split())
        raise BookError(
            file, f"cannot be imported: {type(error).__name__}: {reason}", _line(error, file)
        ) from None


def _import_file(path: str) -> ModuleType:
    file = Path(path)
    name = f"trainlint_rules_of_user.{file.parent.name}.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PageError("is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _own_folder() -> Path:
    """`trainlint.rules`, or in a checkout that is not installed the `rules` beside the package."""
    spec = importlib.util.find_spec("trainlint.rules")
    if spec is None:
        trainlint.__path__.append(str(Path(trainlint.__file__).parent.parent))
        spec = importlib.util.find_spec("trainlint.rules")
    if spec is None or not spec.submodule_search_locations:
        raise BookError(Path(trainlint.__file__).parent, "the rules are missing: install trainlint again")
    return Path(next(iter(spec.submodule_search_locations)))


def _family_files(folder: Path) -> Iterator[Path]:
    for family in sorted(folder.iterdir()):
        if family.is_dir() and not family.name.startswith((".", "_")):
            yield from _rule_files(family)


def _rule_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.py")) if not file.name.startswith((".", "_"))]


def _hyphened(name: str) -> str:
    return name.replace("_", "-")


def _line(error: BaseException, file: Path) -> int | None:
    import traceback  # where something went wrong only

    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if Path(frame.filename) == file.absolute()), None)
