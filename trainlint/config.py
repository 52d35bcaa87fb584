"""What a user may configure: one table of keys, read once into a frozen `Config`.

This file knows the keys and their types. It knows no rule: whether a rule of that name exists is for
the book to say. Where configuration files are found and how the command line comes on top is `settings`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trainlint.diagnostic import LEVELS, Level
from trainlint.patterns import is_pattern
from trainlint.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FILE_NAMES = ("trainlint.toml", "pyproject.toml")  # in one folder the first counts
DEFAULT_EXCLUDE = (
    "**/wandb/run-*",  # Weights & Biases keeps a copy of the code that ran
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".jj",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)

ConfiguredLevel = str  # a Level or "off"
OptionInput = int | float | str | bool | tuple[str, ...]


class ConfigError(Exception):
    """A setting that cannot be used; its text is one line that names where the setting stands."""

    def __init__(self, where: str, message: str, line: int | None = None) -> None:
        self.where, self.message, self.line = where, message, line
        super().__init__(f"{where}:{line}: {message}" if line else f"{where}: {message}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, str, int | None]]:
        return ConfigError, (self.where, self.message, self.line)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force for a file. `root` is the folder that paths and patterns start from.

    `file` is where they stand, None where everything is default. `select` is None for the default
    selection.
    """

    file: Path | None = None
    root: Path = field(default_factory=Path.cwd)
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    levels: Mapping[str, ConfiguredLevel] = field(default_factory=dict, hash=False)
    fail_on: Level = "warning"
    max_advice: int = 5  # per file
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    options: Mapping[str, Mapping[str, OptionInput]] = field(default_factory=dict, hash=False)
    required_version: str = ""
    rules: tuple[Path, ...] = ()
    baseline: Path | None = None

    def config_for(self, file: Path) -> Config:
        """This one, for any file: a single configuration is the simplest `Configurations`."""
        return self


class Configurations(Protocol):
    """Which configuration is in force for a file. Raises ConfigError where its file cannot be used."""

    def config_for(self, file: Path) -> Config: ...


def suggest(name: str, known: Sequence[str]) -> str:
    """`; did you mean ...?` for the nearest known name, empty where none is near."""
    from difflib import get_close_matches

    near = [other for other in known if other.lower() == name.lower()]
    near = near or get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def read_config(file: Path) -> Config | None:
    """The configuration that stands in a file; None for a pyproject.toml without ours."""
    table = read_table(file)
    return None if table is None else build_config(table, shown(file), file)


def read_table(file: Path) -> Mapping[str, object] | None:
    """The raw table of a file, None where a pyproject.toml does not speak to us."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(shown(file), f"cannot be read: {error.strerror or error}") from None
    if file.name != "pyproject.toml":
        return parse_toml(content, shown(file))
    if b"trainlint" not in content:  # a stranger's file is not ours to judge, not even its syntax
        return None
    tool = parse_toml(content, shown(file)).get("tool")
    table = tool.get("trainlint") if isinstance(tool, dict) else None
    if table is None or isinstance(table, dict):
        return table
    raise ConfigError(shown(file), "key `tool.trainlint` must be a table")


def parse_toml(content: bytes, where: str) -> Mapping[str, object]:
    """TOML text as a table; a ConfigError with the line where it is broken."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise ConfigError(where, "is not UTF-8", content[: error.start].count(b"\n") + 1) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" ?\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(place[1]) if place and place[1] else content.rstrip(b"\n").count(b"\n") + 1
        message = str(error)[: place.start()] if place else str(error)
        raise ConfigError(where, f"is not valid TOML: {message}", line) from None
    except RecursionError:
        raise ConfigError(where, "is nested too deeply") from None


def build_config(
    table: Mapping[str, object], where: str, file: Path | None, root: Path | None = None
) -> Config:
    """A checked Config from a raw table; every mistake is a ConfigError that names its key."""
    root = root or (file.parent if file else Path.cwd())
    values: dict[str, object] = {}
    for key, value in table.items():
        read = READERS.get(key)
        if read is None:
            raise ConfigError(where, f"unknown key `{key}`{suggest(key, tuple(READERS))}")
        values[key.replace("-", "_")] = _read(read, value, where, key)
    values["rules"] = tuple(root / Path(folder).expanduser() for folder in _strings(values.get("rules", ())))
    if "baseline" in values:  # an empty one on the command line takes back what a file says
        values["baseline"] = root / Path(str(values["baseline"])).expanduser() if values["baseline"] else None
    return Config(file=file, root=root, **values)  # type: ignore[arg-type]  # READERS holds the types


def shown(file: Path) -> str:
    """A path as a person in the working directory would write it."""
    try:
        return file.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(file)


class _UnfitError(Exception):
    """A value that is not what its key takes: the key below it, and what was expected."""

    def __init__(self, expected: str, below: str = "") -> None:
        self.expected, self.below = expected, below


def _read(read: Callable[[object], object], value: object, where: str, key: str) -> object:
    try:
        return read(value)
    except _UnfitError as unfit:
        raise ConfigError(where, f"key `{key}{unfit.below}` {unfit.expected}") from None


def _strings(value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _UnfitError(f"must be a list of strings, not {_kind(value)}")


def _patterns(value: object) -> tuple[str, ...]:
    return tuple(map(_pattern, _strings(value)))


def _by_pattern(value: object) -> Mapping[str, object]:
    return {_pattern(text): said for text, said in _table(_strings)(value).items()}


def _pattern(text: str) -> str:
    if is_pattern(text):
        return text
    raise _UnfitError(f"has `{text}`, which is no pattern of paths")


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _UnfitError(f"must be a string, not {_kind(value)}")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _UnfitError(f"must be true or false, not {_kind(value)}")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    said = value if isinstance(value, int) and not isinstance(value, bool) else _kind(value)
    raise _UnfitError(f"must be a whole number from 0, not {said}")


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        said = f"not `{value}`" if isinstance(value, str) else f"not {_kind(value)}"
        hint = suggest(value, choices) if isinstance(value, str) else ""
        raise _UnfitError(f"must be one of {', '.join(choices)}, {said}{hint}")

    return read


def _table(read: Callable[[object], object]) -> Callable[[object], Mapping[str, object]]:
    def read_all(value: object) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise _UnfitError(f"must be a table, not {_kind(value)}")
        return {key: read_one(key, item) for key, item in value.items()}

    def read_one(key: str, item: object) -> object:
        try:
            return read(item)
        except _UnfitError as unfit:
            raise _UnfitError(unfit.expected, f".{key}{unfit.below}") from None

    return read_all


def _option(value: object) -> OptionInput:
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _UnfitError(f"must be a number, a string, true, false or a list of strings, not {_kind(value)}")


def _kind(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


READERS: Mapping[str, Callable[[object], object]] = {
    "select": _strings,
    "extend-select": _strings,
    "ignore": _strings,
    "per-file-ignores": _by_pattern,
    "levels": _table(_choice(*LEVELS, "off")),
    "fail-on": _choice(*LEVELS),
    "max-advice": _count,
    "exclude": _patterns,
    "extend-exclude": _patterns,
    "force-exclude": _switch,
    "options": _table(_table(_option)),
    "required-version": _string,
    "rules": _strings,
    "baseline": _string,
}
