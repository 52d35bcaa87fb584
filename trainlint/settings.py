"""Which configuration is in force for a file: the nearest one upwards, with the command line on top."""

from __future__ import annotations

import os
import sys
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.config import FILE_NAMES, Config, ConfigError, build_config, parse_toml, read_table, shown
from trainlint.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainlint.diagnostic import Level

COMMAND_LINE = "--config"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; None and empty mean that it says nothing about it.

    `table` holds the `key = value` settings given with `--config`.
    """

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: Level | None = None
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    rules: tuple[Path, ...] = ()
    baseline: Path | None = None
    table: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def selectors(self) -> Config:
        """These selectors as a configuration of their own, so that the book can check them."""
        return Config(select=self.select, extend_select=self.extend_select, ignore=self.ignore)


def lay_over(config: Config, overrides: Overrides) -> Config:
    """The configuration with the command line on top: a selector chosen there is no longer ignored."""
    chosen = {*(overrides.select or ()), *overrides.extend_select}
    anew = overrides.select is not None
    return replace(
        config,
        select=overrides.select if anew else config.select,
        extend_select=(*(() if anew else config.extend_select), *overrides.extend_select),
        ignore=(*(name for name in config.ignore if name not in chosen), *overrides.ignore),
        levels={rule: level for rule, level in config.levels.items() if level != "off" or rule not in chosen},
        fail_on=overrides.fail_on or config.fail_on,
        exclude=config.exclude if overrides.exclude is None else _moved(overrides.exclude, config.root),
        extend_exclude=(*config.extend_exclude, *_moved(overrides.extend_exclude, config.root)),
        force_exclude=config.force_exclude or overrides.force_exclude,
        rules=(*config.rules, *overrides.rules),
        baseline=overrides.baseline or config.baseline,
    )


def _moved(patterns: tuple[str, ...], root: Path) -> tuple[str, ...]:
    """Patterns that a person wrote in the working directory, as they read in a configuration's folder."""
    return tuple(moved for pattern in patterns if (moved := _moved_pattern(pattern, root)))


def _moved_pattern(pattern: str, root: Path) -> str:
    """Empty where the pattern means something outside the folder."""
    plain = pattern.removeprefix("./")
    if "/" not in plain.rstrip("/") or plain.startswith(("**/", "!")):
        return plain
    absolute = Path(plain) if plain.startswith(str(root)) else Path.cwd() / plain.lstrip("/")
    inside = os.path.relpath(absolute, root)
    if inside.startswith(os.pardir):
        return plain if "*" in plain else ""
    return f"/{Path(inside).as_posix()}{'/' * plain.endswith('/')}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Answers `config_for(file)`. Without `chosen` and `isolated` every folder may have its own file.

    A configuration that was found, not given, may be a stranger's: the rule folders that it names are
    code, and are refused unless `trust_rules`. With `accept`, which raises on what it does not accept, a
    file that cannot be used is noted in `broken` and the one above it counts; else it ends the run.
    """

    overrides: Overrides = field(default_factory=Overrides)
    chosen: Path | None = None
    isolated: bool = False
    trust_rules: bool = False
    accept: Callable[[Config], None] | None = None
    broken: list[ConfigError] = field(default_factory=list, compare=False)
    _found: dict[Path, Config] = field(default_factory=dict, repr=False, compare=False)

    def config_for(self, file: Path) -> Config:
        """The configuration of a file, or of a folder for what lies in it."""
        path = _absolute(file)
        return self._of_folder(path if path.is_dir() else path.parent)

    def config_of(self, paths: tuple[Path, ...]) -> Config:
        """The configuration of a whole run over these paths: that of the folder they share."""
        folders = [path if path.is_dir() else path.parent for path in map(_absolute, paths)]
        try:
            shared = Path(os.path.commonpath(folders))
        except ValueError:  # no path, or on different drives
            shared = Path.cwd()
        return self._of_folder(shared)

    def _of_folder(self, folder: Path) -> Config:
        known = self._found.get(folder)
        if known is None:
            known = self._found[folder] = self._look_up(folder)
        return known

    def _look_up(self, folder: Path) -> Config:
        if self.isolated:
            return self._finish({}, "", None)
        if self.chosen is not None:
            return self._given(self.chosen)
        for file in (folder / name for name in FILE_NAMES):
            own = self._in_file(file) if file.is_file() else None
            if own is not None:
                return own
        return self._of_user() if folder.parent == folder else self._of_folder(folder.parent)

    def _in_file(self, file: Path) -> Config | None:
        try:
            table = read_table(file)
            config = None if table is None else self._finish(table, shown(file), file)
            if config is not None and self.accept is not None:
                self.accept(config)
            return config
        except ConfigError as error:
            if self.accept is None:
                raise
            self.broken.append(error)
            return None

    def _given(self, file: Path) -> Config:
        table = read_table(file)
        if table is None:
            raise ConfigError(shown(file), "has no table [tool.trainlint]")
        return self._finish(table, shown(file), file, trusted=True)

    def _of_user(self) -> Config:
        file = user_file()
        return self._given(file) if file.is_file() else self._finish({}, "", None)

    def _finish(
        self, table: Mapping[str, object], where: str, file: Path | None, trusted: bool = False
    ) -> Config:
        config = build_config(table, where, file, _absolute(file).parent if file else None)
        if config.rules and not (trusted or self.trust_rules):
            raise ConfigError(
                where,
                "key `rules` names code to run; allow it with --trust-rules, or pass the folders with --rules",
            )
        if self.overrides.table:
            build_config(self.overrides.table, COMMAND_LINE, None)  # to blame the right place
            config = build_config(
                merged(table, self.overrides.table), where or COMMAND_LINE, file, config.root
            )
        require_version(config, where or COMMAND_LINE)
        return lay_over(config, self.overrides)


def require_version(config: Config, where: str) -> None:
    """Raise a ConfigError where the configuration wants another trainlint than this one."""
    if not config.required_version:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    from trainlint import __version__

    try:
        wanted = SpecifierSet(config.required_version)
    except InvalidSpecifier:
        raise ConfigError(
            where,
            f'key `required-version` must be a specifier such as ">=0.1", not `{config.required_version}`',
        ) from None
    if not wanted.contains(__version__, prereleases=True):
        raise ConfigError(where, f"key `required-version` wants `{wanted}`, this is trainlint {__version__}")


def inline_table(text: str) -> Mapping[str, object]:
    """`key = value` from the command line as a table."""
    return parse_toml(text.encode(), f"{COMMAND_LINE} {text!r}")


def user_file() -> Path:
    """The user's own configuration, for files that no project's configuration is responsible for."""
    if sys.platform == "win32":
        home = Path(os.environ.get("APPDATA") or Path.home())
    else:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "trainlint" / FILE_NAMES[0]


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> Mapping[str, object]:
    """Two tables as one, the second on top."""
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
