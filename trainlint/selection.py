"""Which rules a configuration selects: by name, family, level or ALL.

The most specific selector that fits a rule decides: its name before its family, its family before its
level, its level before `ALL`. Where two are equally specific, ignoring wins. A level of "off" ignores by name.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from trainlint.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pathspec import GitIgnoreSpec

    from trainlint.config import Config
    from trainlint.page import Page

EVERYTHING = "ALL"
Value = TypeVar("Value")


def is_selected(page: Page, config: Config) -> bool:
    """Whether a configuration selects a rule, before the ignores of single files."""
    if configured_level(page, config) == "off":
        return False
    wanted = {*(config.select or ()), *config.extend_select}
    for selectors in _from_specific_to_general(page, config):
        if not selectors.isdisjoint(config.ignore):
            return False
        if not selectors.isdisjoint(wanted):
            return True
    return page.rule.default and config.select is None


def fits(page: Page, config: Config, selectors: Collection[str]) -> bool:
    """Whether one of the selectors means this rule."""
    return any(not meant.isdisjoint(selectors) for meant in _from_specific_to_general(page, config))


def configured_level(page: Page, config: Config) -> str | None:
    """The level that a configuration gives to a rule, None where it leaves the rule its own."""
    return set_for(page, config.levels)


def set_for(page: Page, settings: Mapping[str, Value]) -> Value | None:
    """What settings by rule say about this one, under its name or an earlier one."""
    for name in (page.name, *page.rule.renamed_from):
        if name in settings:
            return settings[name]
    return None


def ignored_in(file: Path, config: Config) -> tuple[str, ...]:
    """The selectors that `per-file-ignores` holds for a file."""
    if not config.per_file_ignores:
        return ()
    shown = _relative(file, config.root)
    return tuple(
        selector
        for pattern, selectors in config.per_file_ignores.items()
        if _matcher(pattern.removeprefix("!")).match_file(shown) != pattern.startswith("!")
        for selector in selectors
    )


def _from_specific_to_general(page: Page, config: Config) -> Iterator[set[str]]:
    yield {page.name, *page.rule.renamed_from}
    yield {page.family}
    yield {configured_level(page, config) or page.rule.level}
    yield {EVERYTHING}


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> GitIgnoreSpec:
    return compiled([pattern])


def _relative(file: Path, root: Path) -> str:
    absolute = file if file.is_absolute() else Path.cwd() / file
    try:
        return absolute.relative_to(root).as_posix()
    except ValueError:
        return absolute.as_posix().lstrip("/")
