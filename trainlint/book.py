"""The book of rules: every rule's page by name, and what a configuration makes of them.

A rule is there because its file is there: no list names it. Opening the book imports the rules, which
import the face only: neither LibCST nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.config import Config, ConfigError, OptionInput, shown, suggest
from trainlint.diagnostic import LEVELS
from trainlint.loading import MACHINE, BookError, own_pages, pages_of
from trainlint.page import Example, Page, Section, read_examples
from trainlint.records import dataclass
from trainlint.rule import Options
from trainlint.selection import EVERYTHING, configured_level, fits, ignored_in, is_selected, set_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["MACHINE", "Book", "BookError", "Example", "Page", "Section", "open_book", "read_examples"]

LISTED = "; `trainlint rules` lists them all"


@dataclass(frozen=True, slots=True)
class Book:
    """All rules in the order of families and names; `folders` are the user's own.

    `names` holds each page under today's name and under earlier ones.
    """

    pages: tuple[Page, ...]
    folders: tuple[Path, ...]
    names: Mapping[str, Page]

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the families, in order."""
        return tuple(dict.fromkeys(page.family for page in self.pages))

    @property
    def selectors(self) -> tuple[str, ...]:
        """Everything that can stand in `select` and `ignore`."""
        return (*self.names, *self.families, *LEVELS, EVERYTHING)

    def page(self, name: str) -> Page | None:
        """The page of a rule, also under an earlier name."""
        return self.names.get(name)

    def current(self, name: str) -> str | None:
        """Today's name of a rule, None where there is no such rule."""
        page = self.names.get(name)
        return page.name if page else None

    def select(self, config: Config, file: Path | None = None) -> tuple[Page, ...]:
        """The rules that a configuration selects: in general, or less those ignored in `file`."""
        self.validate(config)
        ignored = ignored_in(file, config) if file else ()
        return tuple(
            page for page in self.pages if is_selected(page, config) and not fits(page, config, ignored)
        )

    def level(self, page: Page, config: Config) -> str:
        """The level that a configuration gives to a rule ("off" among them), else the rule's own."""
        return configured_level(page, config) or page.rule.level

    def options(self, page: Page, config: Config) -> Options:
        """The option values in force for a rule."""
        defaults = {name: option.default for name, option in page.rule.options.items()}
        return Options({**defaults, **(set_for(page, config.options) or {})})

    def validate(self, config: Config, flag: str = "") -> None:
        """Raise a ConfigError for the first name that is not in the book.

        `flag` is the command line option that the names come from, empty for a file.
        """
        for key, problem in _problems(self, config):
            where = flag or (shown(config.file) if config.file else "configuration")
            raise ConfigError(where, problem if flag else f"key `{key}`: {problem}")

    def renamed(self, config: Config) -> tuple[str, ...]:
        """A sentence for each earlier name that a configuration still uses."""
        used = dict.fromkeys((*(name for _, name in _selectors_in(config)), *config.levels, *config.options))
        pages = ((name, self.names[name]) for name in used if name in self.names)
        return tuple(
            f"rule `{name}` is now called `{page.name}`" for name, page in pages if page.name != name
        )


def open_book(rule_folders: Sequence[Path] = ()) -> Book:
    """Read all rules; a BookError names the file that does not fit."""
    pages = [*own_pages(), *(page for folder in rule_folders for page in pages_of(folder))]
    pages.sort(key=lambda page: (page.family, page.name))
    return Book(tuple(pages), tuple(rule_folders), _by_name(pages))


def _by_name(pages: Iterable[Page]) -> Mapping[str, Page]:
    names: dict[str, Page] = {}
    for page in pages:
        for name in (page.name, *page.rule.renamed_from):
            if name in names:
                raise BookError(page.file, f"there is already a rule `{name}`, in {shown(names[name].file)}")
            names[name] = page
    for word in (*LEVELS, EVERYTHING, *(page.family for page in pages)):
        if word in names:
            raise BookError(
                names[word].file, f"a rule cannot be called `{word}`: a level or family has this name"
            )
    for page in pages:
        if page.family in LEVELS:
            raise BookError(page.file, f"a family cannot be called `{page.family}`: a level has this name")
    return names


def _selectors_in(config: Config) -> Iterator[tuple[str, str]]:
    """The selectors of a configuration, each with the key that it stands under."""
    for key, names in (
        ("select", config.select),
        ("extend-select", config.extend_select),
        ("ignore", config.ignore),
    ):
        yield from ((key, name) for name in names or ())
    for pattern, names in config.per_file_ignores.items():
        yield from ((f'per-file-ignores."{pattern}"', name) for name in names)


def _problems(book: Book, config: Config) -> Iterator[tuple[str, str]]:
    """What in a configuration does not fit the book: the key, and what is wrong."""
    for key, name in _selectors_in(config):
        if name not in book.names and name not in book.selectors:
            yield key, f"unknown rule `{name}`{suggest(name, book.selectors) or LISTED}"
    for key, names in (("levels", config.levels), ("options", config.options)):
        for name in names:
            if name not in book.names:
                yield f"{key}.{name}", f"unknown rule `{name}`{suggest(name, tuple(book.names)) or LISTED}"
    for name, values in config.options.items():
        for option, value in values.items():
            yield from _misfits(book.names[name], option, value)


def _misfits(page: Page, name: str, value: OptionInput) -> Iterator[tuple[str, str]]:
    key, known = f"options.{page.name}.{name}", page.rule.options
    if name not in known:
        there = suggest(name, tuple(known)) or (
            f"; it has {', '.join(sorted(known))}" if known else "; it has none"
        )
        yield key, f"rule `{page.name}` has no option `{name}`{there}"
        return
    default = known[name].default
    wide = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
    if type(value) is not type(default) and not wide:
        yield key, f"must be {_EXPECTED[type(default)]}, not {value!r}"


_EXPECTED: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "a list of strings",
}
