"""Opening the book of rules, reading pages, selecting; and one clear line for a file that does not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainlint.book import Book, BookError, open_book, read_examples
from trainlint.config import Config, ConfigError
from trainlint.settings import Overrides, lay_over

ROOT = Path(__file__).parent.parent

RULE = '''"""Training stops early.

It is a pity.

```python bad
x = 1
break  # lint: stops
```

## When it is fine

Never.

```python good
# heading in code
x = 2
```
"""

from trainlint import Option, Rule


def check(program, options):
    yield from ()


rule = Rule(check, None, level="LEVEL", since="0.1", OPTIONS)
'''


def write_rule(file: Path, level: str = "warning", options: str = "", text: str = RULE) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace("LEVEL", level).replace("OPTIONS", options), encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six rules of a user: four families' worth of selectors, an option, an old name, one off by default."""
    write_rule(tmp_path / "alpha" / "stops_early.py", "error")
    write_rule(tmp_path / "alpha" / "stops_late.py", "warning", 'renamed_from=("stops-tardily",)')
    write_rule(tmp_path / "alpha" / "stops_never.py", "advice", "default=False")
    options = 'options={"count": Option(3, "how many"), "share": Option(0.5, "how much"), "names": Option(("a",), "")}'
    write_rule(tmp_path / "beta_two" / "starts_early.py", "error", options)
    return tmp_path


@pytest.fixture
def book(folder: Path) -> Book:
    return open_book((folder,))


def chosen(book: Book, config: Config, file: Path | None = None) -> set[str]:
    return {page.name for page in book.select(config, file) if page.family in ("alpha", "beta-two")}


def test_opening_the_book_imports_neither_libcst_nor_torch_nor_rich() -> None:
    program = (
        "import sys; from trainlint.book import open_book; book = open_book(); assert len(book.pages) > 5;"
        "print(sorted({'libcst', 'torch', 'rich', 'pathspec', 'packaging'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.strip() == "[]"


def test_a_checkout_that_is_not_installed_finds_its_rules(tmp_path: Path) -> None:
    (tmp_path / "trainlint").symlink_to(ROOT / "trainlint")
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    program = (
        "import trainlint, trainlint.book as b; print(trainlint.__file__); print(len(b.open_book().pages))"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    where, count = answer.stdout.split()
    assert where.startswith(str(tmp_path))
    assert int(count) == len(open_book().pages)


def test_without_docstrings_the_pages_are_still_there() -> None:
    program = "from trainlint.book import open_book; print(all(page.text for page in open_book().pages))"
    answer = subprocess.run(
        [sys.executable, "-OO", "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "True"


def test_the_book_is_in_order_and_every_page_has_a_title() -> None:
    pages = open_book().pages
    assert [(page.family, page.name) for page in pages] == sorted((page.family, page.name) for page in pages)
    assert all(page.title and page.title == page.title.strip() for page in pages)
    assert {page.file.parent.name.replace("_", "-") for page in pages if page.family != "machine"} == {
        page.family for page in pages if page.family != "machine"
    }


def test_every_rule_file_of_the_repository_is_in_the_book() -> None:
    files = {
        file.stem.replace("_", "-") for file in (ROOT / "rules").glob("*/*.py") if file.stem != "__init__"
    }
    assert files == {page.name for page in open_book().pages if page.family != "machine"}


def test_what_the_machine_says_itself_is_listed_and_can_be_ignored() -> None:
    book = open_book()
    page = book.page("unused-suppression")
    assert page is not None
    assert (page.family, page.rule.level) == ("machine", "advice")
    assert page in book.select(Config())
    assert page not in book.select(Config(ignore=("unused-suppression",)))
    assert page not in book.select(Config(ignore=("machine",)))


def test_a_users_rules_come_through_the_same_door(book: Book) -> None:
    page = book.page("stops-early")
    assert page is not None
    assert (page.family, page.title, page.rule.level) == ("alpha", "Training stops early.", "error")
    assert "beta-two" in book.families
    assert [section.heading for section in page.sections] == ["", "When it is fine"]


def test_a_flat_folder_is_itself_the_family(tmp_path: Path) -> None:
    write_rule(tmp_path / "my_team" / "stops_early.py")
    page = open_book((tmp_path / "my_team",)).page("stops-early")
    assert page is not None
    assert page.family == "my-team"


def test_two_folders_may_hold_files_and_families_of_one_name(tmp_path: Path) -> None:
    write_rule(tmp_path / "one" / "alpha" / "stops_early.py")
    write_rule(tmp_path / "two" / "alpha" / "stops_late.py", "error")
    book = open_book((tmp_path / "one", tmp_path / "two"))
    assert [page.name for page in book.pages if page.family == "alpha"] == ["stops-early", "stops-late"]


def test_examples_know_their_lines_headings_and_levels(book: Book) -> None:
    page = book.page("stops-early")
    assert page is not None
    bad, good = page.examples
    lines = page.file.read_text().splitlines()
    assert (bad.kind, bad.text) == ("bad", "x = 1\nbreak  # lint: stops\n")
    assert (lines[bad.line - 1], lines[good.line - 1]) == ("x = 1", "# heading in code")
    assert (good.kind, good.heading) == ("good", "When it is fine")


def test_examples_of_a_markdown_file() -> None:
    text = "# One\n\n```python bad level=warning\na\n```\n\n````text\n```python bad\nno\n```\n````\n\n~~~python good\n~~~\n"
    bad, good = read_examples(text)
    assert (bad.kind, bad.line, bad.heading, bad.level) == ("bad", 4, "One", "warning")
    assert (good.kind, good.text.strip(), good.level) == ("good", "", None)


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        (lambda text: text.replace("rule = Rule", "regel = Rule"), "has no `rule = Rule("),
        (
            lambda text: text.replace("LEVEL", "fatal"),
            "level of the rule must be one of error, warning, advice, not 'fatal'",
        ),
        (
            lambda text: text.replace("OPTIONS", "fix='always'"),
            "fix of the rule must be one of safe, unsafe or None",
        ),
        (
            lambda text: text.replace("Rule(check, None", "Rule(3, None"),
            "`check` of the rule is not a function",
        ),
        (lambda text: text.replace("Rule(check, None", "Rule(check, 3"), "`symptom` of the rule is neither"),
        (
            lambda text: text.replace("OPTIONS", "options={'n': 3}"),
            "option `n` of the rule must be a trainlint.Option",
        ),
        (lambda text: text[text.index("from trainlint") :], "has no docstring"),
        (
            lambda text: text + "\nimport nothing_of_this_name\n",
            ":29: cannot be imported: ModuleNotFoundError",
        ),
        (lambda text: text + "\nraise SystemExit(3)\n", ":29: cannot be imported: SystemExit: 3"),
        (lambda text: text + "\ndef (:\n", ":29: does not parse: "),
        (lambda _: "rule = 1\n", "has no docstring"),
        (
            lambda text: text.replace("rule = Rule(check,", "rule = dict(check=check, x="),
            "must be a trainlint.Rule, not dict",
        ),
    ],
)
def test_a_file_that_is_no_rule_is_named(tmp_path: Path, defect, said: str) -> None:
    write_rule(tmp_path / "alpha" / "odd.py", text=defect(RULE))
    with pytest.raises(BookError) as caught:
        open_book((tmp_path,))
    message = str(caught.value)
    assert "alpha/odd.py" in message
    assert said in message
    assert "\n" not in message


def test_folders_without_rules_are_named(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="missing: there is no such folder of rules"):
        open_book((tmp_path / "missing",))
    with pytest.raises(BookError, match="holds no rules"):
        open_book((tmp_path,))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("alpha/unused_suppression.py", "there is already a rule `unused-suppression`, in "),
        ("alpha/warning.py", "a rule cannot be called `warning`"),
        ("alpha/alpha.py", "a rule cannot be called `alpha`"),
        ("error/stops.py", "a family cannot be called `error`"),
    ],
)
def test_names_that_clash_are_refused(tmp_path: Path, file: str, said: str) -> None:
    write_rule(tmp_path / file)
    with pytest.raises(BookError, match=said):
        open_book((tmp_path,))


EVERYTHING = {"stops-early", "stops-late", "stops-never", "starts-early"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(), EVERYTHING - {"stops-never"}),
        (Config(select=("ALL",)), EVERYTHING),
        (Config(select=()), set()),
        (Config(extend_select=("stops-never",)), EVERYTHING),
        (Config(select=("alpha",)), {"stops-early", "stops-late", "stops-never"}),
        (Config(select=("error",)), {"stops-early", "starts-early"}),
        (Config(select=("alpha", "error")), EVERYTHING),
        (Config(select=("stops-never",)), {"stops-never"}),
        (Config(select=("stops-tardily",)), {"stops-late"}),
        (Config(ignore=("alpha",)), {"starts-early"}),
        (Config(ignore=("ALL",)), set()),
        (Config(ignore=("alpha",), extend_select=("stops-late",)), {"stops-late", "starts-early"}),
        (Config(select=("alpha",), ignore=("error",)), {"stops-early", "stops-late", "stops-never"}),
        (Config(select=("error",), ignore=("alpha",)), {"starts-early"}),
        (Config(select=("ALL",), ignore=("error",)), {"stops-late", "stops-never"}),
        (Config(select=("alpha",), ignore=("stops-late",)), {"stops-early", "stops-never"}),
        (Config(select=("stops-late",), ignore=("stops-late",)), set()),
        (Config(select=("stops-late",), ignore=("ALL",)), {"stops-late"}),
        (Config(levels={"stops-late": "off"}), {"stops-early", "starts-early"}),
        (Config(levels={"stops-tardily": "off"}), {"stops-early", "starts-early"}),
        (
            Config(levels={"stops-late": "error"}, select=("error",)),
            {"stops-early", "stops-late", "starts-early"},
        ),
    ],
)
def test_the_most_specific_selector_decides(book: Book, config: Config, expected: set[str]) -> None:
    assert chosen(book, config) == expected


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (Overrides(select=("alpha",)), {"stops-early"}),
        (Overrides(select=("stops-late",)), {"stops-late"}),
        (Overrides(select=("ALL",)), {"stops-early", "starts-early"}),
        (Overrides(extend_select=("stops-never",)), {"stops-early", "stops-never", "starts-early"}),
        (Overrides(extend_select=("stops-late",)), {"stops-early", "stops-late", "starts-early"}),
        (Overrides(ignore=("error",)), set()),
    ],
)
def test_the_command_line_selects_over_the_file(book: Book, overrides: Overrides, expected: set[str]) -> None:
    config = Config(select=("error",), ignore=("stops-late",), levels={"stops-never": "off"})
    assert chosen(book, lay_over(config, overrides)) == expected


def test_single_files_ignore_rules_of_their_own(book: Book, tmp_path: Path) -> None:
    config = Config(root=tmp_path, per_file_ignores={"tests/**": ("alpha",), "*.ipynb": ("ALL",)})
    assert chosen(book, config, tmp_path / "tests" / "a.py") == {"starts-early"}
    assert chosen(book, config, tmp_path / "notes" / "a.ipynb") == set()
    assert chosen(book, config, tmp_path / "a.py") == EVERYTHING - {"stops-never"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            Config(select=("stop-early",)),
            "key `select`: unknown rule `stop-early`; did you mean `stops-early`?",
        ),
        (Config(ignore=("alpa",)), "key `ignore`: unknown rule `alpa`; did you mean `alpha`?"),
        (Config(extend_select=("all",)), "key `extend-select`: unknown rule `all`; did you mean `ALL`?"),
        (Config(select=("stops_early",)), "did you mean `stops-early`?"),
        (
            Config(per_file_ignores={"a.py": ("x-y-z",)}),
            'key `per-file-ignores."a.py"`: unknown rule `x-y-z`',
        ),
        (
            Config(levels={"stop-late": "off"}),
            "key `levels.stop-late`: unknown rule `stop-late`; did you mean `stops-late`?",
        ),
        (Config(options={"start-early": {}}), "key `options.start-early`: unknown rule"),
        (Config(options={"starts-early": {"counts": 1}}), "has no option `counts`; did you mean `count`?"),
        (Config(options={"starts-early": {"zzz": 1}}), "has no option `zzz`; it has count, names, share"),
        (Config(options={"stops-early": {"count": 1}}), "has no option `count`; it has none"),
        (Config(options={"starts-early": {"count": "1"}}), "must be a whole number, not '1'"),
        (Config(options={"starts-early": {"count": True}}), "must be a whole number, not True"),
        (Config(options={"starts-early": {"names": "a"}}), "must be a list of strings, not 'a'"),
    ],
)
def test_names_that_are_not_in_the_book_are_errors(book: Book, config: Config, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        book.select(config)
    assert said in str(caught.value)


def test_errors_name_the_file_or_the_flag(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trainlint\.toml: key `select`: unknown rule"):
        book.validate(Config(file=tmp_path / "trainlint.toml", select=("stop-early",)))
    with pytest.raises(ConfigError, match=r"^--select: unknown rule `stop-early`"):
        book.validate(Config(select=("stop-early",)), "--select")


def test_options_come_from_the_configuration_or_the_rule(book: Book) -> None:
    page = book.page("starts-early")
    assert page is not None
    options = book.options(page, Config(options={"starts-early": {"share": 1, "names": ("b", "c")}}))
    assert (options["count"], options.number("share"), options.words("names")) == (3, 1.0, ("b", "c"))


def test_levels_come_from_the_configuration_or_the_rule(book: Book) -> None:
    page = book.page("stops-late")
    assert page is not None
    assert book.level(page, Config()) == "warning"
    assert book.level(page, Config(levels={"stops-late": "error"})) == "error"
    assert book.level(page, Config(levels={"stops-tardily": "advice"})) == "advice"


def test_earlier_names_go_on_working_with_a_hint(book: Book) -> None:
    assert book.current("stops-tardily") == "stops-late"
    assert book.current("stops-soon") is None
    config = Config(ignore=("stops-tardily", "stops-early"), levels={"stops-tardily": "off"})
    assert book.renamed(config) == ("rule `stops-tardily` is now called `stops-late`",)
