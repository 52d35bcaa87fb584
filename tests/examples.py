"""The fenced examples of a page as small projects, and what is wrong with what the linter says about them.

`# lint: words` marks a line and the words of the message expected there (`...` between words that need
not be neighbours), `# lint-todo` a miss that is known. `# file: path/name.py` begins a further file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainlint.book import Book
from trainlint.config import Config
from trainlint.diagnostic import Diagnostic, Level, Report
from trainlint.lint import Effort, lint
from trainlint.page import Example, Page, read_examples

HERE = Path(__file__).parent
FILE = re.compile(r"# file: (\S+)\s*")
MARK = re.compile(r"\s*# (lint-todo|lint:)\s*([^#\n]*)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line on which a finding is expected, and the words its message must hold."""

    file: str
    line: int
    words: tuple[str, ...]
    known_miss: bool

    def fits(self, finding: Diagnostic) -> bool:
        message = finding.message.lower()
        here = (finding.where.path, finding.where.line) == (self.file, self.line)
        return here and (self.known_miss or all(word in message for word in self.words))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f" ({' ... '.join(self.words)})" if self.words else "")


@dataclass(frozen=True, slots=True)
class Case:
    """An example as a project: its files without the marks, and the marks. `origin` is where it is written."""

    rule: str
    kind: str
    level: Level | None
    origin: str
    files: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]

    def write(self, folder: Path) -> Path:
        """Lay the files out in a folder that is a project of its own."""
        for name, text in (("trainlint.toml", ""), *self.files):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return folder


def page_cases(page: Page) -> Iterator[Case]:
    """The examples in a rule's docstring."""
    for example in page.examples:
        yield read_case(page.name, example, f"{page.file.parent.name}/{page.file.name}:{example.line}")


def near_misses(name: str, folder: Path = HERE / "cases") -> Iterator[Case]:
    """The examples of `tests/cases/<rule>.md`."""
    file = folder / f"{name}.md"
    for example in read_examples(file.read_text(encoding="utf-8")) if file.exists() else ():
        yield read_case(name, example, f"{file.name}:{example.line}")


def read_case(rule: str, example: Example, origin: str) -> Case:
    files = tuple(_files(example.text))
    marks = tuple(mark for name, text in files for mark in _marks(name, text))
    bare = tuple((name, "\n".join(MARK.sub("", line) for line in text.split("\n"))) for name, text in files)
    return Case(rule, example.kind, example.level, origin, bare, marks)


def _files(text: str) -> Iterator[tuple[str, str]]:
    name, lines = "example.py", list[str]()
    for line in text.splitlines():
        if begins := FILE.fullmatch(line):
            if any(lines):
                yield name, "\n".join(lines) + "\n"
            name, lines = begins[1], []
        else:
            lines.append(line)
    yield name, "\n".join(lines) + "\n"


def _marks(file: str, text: str) -> Iterator[Mark]:
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, words in MARK.findall(line):
            wanted = tuple(word for part in words.lower().split("...") if (word := part.strip(" :")))
            yield Mark(file, number, wanted, kind == "lint-todo")


def lint_folder(folder: Path, book: Book, *select: str) -> Report:
    """What the selected rules (or families, or ALL) say about a folder, at their defaults, in this process."""
    config = Config(root=folder, select=select)
    return lint([folder], config, book, cwd=folder, effort=Effort(jobs=0))


def complaints(case: Case, report: Report) -> Iterator[str]:
    """What differs between what the example expects of its rule and what the linter said."""
    yield from (f"{failure.path}:{failure.line}: {failure.message}" for failure in report.failures)
    yield from _misjudgements(case, report.diagnostics)


def _misjudgements(case: Case, findings: Sequence[Diagnostic]) -> Iterator[str]:
    if case.kind == "good":
        yield from (f"false alarm in {show(finding)}" for finding in findings)
        return
    expected = [mark for mark in case.marks if not mark.known_miss]
    if not case.marks:
        yield "a bad example needs a line marked `# lint: words`"
    left = list(findings)
    for mark in expected:
        finding = next((finding for finding in left if mark.fits(finding)), None)
        if finding is None:
            yield f"nothing found at {mark}"
            continue
        left.remove(finding)
        if case.level and finding.level != case.level:
            yield f"is {finding.level}, expected {case.level}: {show(finding)}"
    yield from _surplus(case, left)


def _surplus(case: Case, findings: Iterable[Diagnostic]) -> Iterator[str]:
    misses = [mark for mark in case.marks if mark.known_miss]
    for finding in findings:
        if any(miss.fits(finding) for miss in misses):
            yield f"a known miss is found now, make its mark `# lint:`: {show(finding)}"
        else:
            yield f"not expected: {show(finding)}"


def show(finding: Diagnostic) -> str:
    return f"{finding.where.path}:{finding.where.line}: {finding.level}[{finding.name}] {finding.message}"
