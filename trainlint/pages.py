"""What the book looks like on a terminal: the list of rules, a rule's page, the settings in force.

Everything here returns text; whoever calls it prints. Rich is imported for a coloured page only.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trainlint.book import Page
    from trainlint.config import Config

WIDEST = 100  # longer lines of prose are hard to read


def list_rules(pages: Sequence[Page]) -> str:
    """All rules by family: name, level, kind of fix, title."""
    width = max((len(page.name) for page in pages), default=0)
    return "\n".join(_lines_of_families(pages, width)) + "\n"


def _lines_of_families(pages: Sequence[Page], width: int) -> Iterator[str]:
    for number, family in enumerate(dict.fromkeys(page.family for page in pages)):
        yield f"\n{family}" if number else family
        for page in pages:
            if page.family == family:
                fix = f"{page.rule.fix} fix" if page.rule.fix else ""
                off = "" if page.rule.default else " (off by default)"
                yield f"  {page.name:{width}}  {page.rule.level:7}  {fix:10}  {page.title}{off}"


def rules_as_json(pages: Iterable[Page]) -> str:
    """The rules as a JSON array, each without its text."""
    rows = [{key: value for key, value in _facts(page).items() if key != "text"} for page in pages]
    return json.dumps(rows, indent=2) + "\n"


def page_as_json(page: Page) -> str:
    """A rule with its whole page as a JSON object."""
    return json.dumps(_facts(page), indent=2) + "\n"


def _facts(page: Page) -> dict[str, object]:
    rule = page.rule
    return {
        "name": page.name,
        "family": page.family,
        "level": rule.level,
        "title": page.title,
        "fix": rule.fix,
        "default": rule.default,
        "verifiable": rule.symptom is not None,
        "since": rule.since,
        "renamed_from": rule.renamed_from,
        "options": {
            name: {"default": option.default, "help": option.help, "source": option.source}
            for name, option in rule.options.items()
        },
        "text": page.text.strip() + "\n",
    }


def page_as_markdown(page: Page) -> str:
    """A rule's page as Markdown: what its author wrote, and what the rule itself says of its promises and options."""
    title, _, rest = page.text.strip().partition("\n")
    written = re.sub(r"(?ms)^## Options$.*?(?=^## |\Z)", "", _labelled(rest))
    return f"# {page.name}: {title}\n\n{_promises(page)}\n{written.strip()}\n{_options(page)}"


def page_for_terminal(page: Page, width: int) -> str:
    """A rule's page with colours and wrapped lines."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=StringIO(), force_terminal=True, width=min(width, WIDEST), legacy_windows=False)
    with console.capture() as capture:
        console.print(Markdown(page_as_markdown(page), code_theme="ansi_dark"))
    return capture.get()


def _promises(page: Page) -> str:
    rule = page.rule
    said = [
        f"Level: {rule.level}",
        f"family: {page.family}",
        f"fix: {rule.fix or 'none'}",
        f"since {rule.since}",
    ]
    said += ["off unless selected"] * (not rule.default)
    said += ["static only: there is no experiment"] * (rule.symptom is None)
    said += [f"called {', '.join(rule.renamed_from)} before"] * bool(rule.renamed_from)
    return f"{'; '.join(said)}.\n"


def _labelled(text: str) -> str:
    """The page with a word above each example, since only tests read the mark behind the fence."""
    text = re.sub(r"(?m)^(```+|~~~+)python (bad|good).*$", _label, text)
    return re.sub(r"(?m)#[ \t]*lint:.*$", "# <-- reported here", text)


def _label(fence: re.Match[str]) -> str:
    return f"{'Reported' if fence[2] == 'bad' else 'Fine'}:\n\n{fence[1]}python"


def _options(page: Page) -> str:
    lines = [
        f"- `{name}` (default `{json.dumps(option.default)}`): {option.help}{option.source and f' ({option.source})'}"
        for name, option in page.rule.options.items()
    ]
    return "\n".join(["\n## Options\n", *lines, ""]) if lines else ""


def settings_as_toml(config: Config, pages: Sequence[Page]) -> str:
    """The settings in force, as a trainlint.toml would say them, and the rules that they select."""
    lines = [f"# from {config.file or 'no file: these are the defaults'}, and the command line"]
    lines += [f"{key} = {_toml(value)}" for key, value in _plain_settings(config)]
    for rule, options in config.options.items():
        lines += [
            "",
            f"[options.{_key(rule)}]",
            *(f"{_key(name)} = {_toml(value)}" for name, value in options.items()),
        ]
    for name, table in _tables(config):
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in table)]
    return "\n".join([*lines, "", "# selected rules:", *(f"#   {page.name}" for page in pages), ""])


def _plain_settings(config: Config) -> Iterator[tuple[str, object]]:
    if config.select is not None:
        yield "select", config.select
    yield "extend-select", config.extend_select
    yield "ignore", config.ignore
    yield "fail-on", config.fail_on
    yield "max-advice", config.max_advice
    yield "exclude", config.exclude
    yield "extend-exclude", config.extend_exclude
    yield "force-exclude", config.force_exclude
    yield "required-version", config.required_version
    yield "rules", [str(folder) for folder in config.rules]
    if config.baseline is not None:
        yield "baseline", str(config.baseline)


def _tables(config: Config) -> Iterator[tuple[str, Iterable[tuple[str, object]]]]:
    if config.per_file_ignores:
        yield "per-file-ignores", config.per_file_ignores.items()
    if config.levels:
        yield "levels", config.levels.items()


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # strings, numbers, booleans and lists look the same in both


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key, ensure_ascii=False)


def statistics(rows: Sequence[tuple[int, Page]]) -> str:
    """How often each rule found something, most often first."""
    if not rows:
        return ""
    digits, width = len(str(rows[0][0])), max(len(page.name) for _, page in rows)
    lines = (
        f"{count:>{digits}}  {page.name:{width}}  {page.rule.level:7}  {page.title}" for count, page in rows
    )
    return "".join(f"{line}\n" for line in lines)


def statistics_as_json(rows: Sequence[tuple[int, Page]]) -> str:
    """The same as a JSON array."""
    facts = [
        {"name": page.name, "family": page.family, "count": count, "title": page.title}
        for count, page in rows
    ]
    return json.dumps(facts, indent=2) + "\n"
