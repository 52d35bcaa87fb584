"""What a verification leaves for later beside its report: the programs that ran, to read and to run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.desk import UsageError
from trainlint.report.view import place
from trainlint.telling import how_many
from trainlint.verify.repro import script, script_name

if TYPE_CHECKING:
    from trainlint.book import Book
    from trainlint.diagnostic import Diagnostic
    from trainlint.verify import Plan, Trial


class Scribe:
    """Is shown what ran for each finding. `folder`: where scripts go; `show`: whether programs are printed at the end."""

    def __init__(self, book: Book, folder: Path | None, show: bool) -> None:
        self._book, self._folder, self._show = book, folder, show
        self._names: set[str] = set()
        self.programs: list[str] = []
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"--save-repro {folder}: {error.strerror or error}") from None

    def witness(self, said: Diagnostic, trial: Trial, plan: Plan) -> None:
        """Keep what was asked for of one finding."""
        if self._show:
            self.programs.extend(_programs(said, trial))
        page = self._book.page(said.name)
        if self._folder is None or page is None or "written" not in trial.arms:
            return
        name = script_name(said, self._names)
        try:
            (self._folder / name).write_text(script(said, trial, plan, page, name), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--save-repro {self._folder}: {error.strerror or error}") from None

    @property
    def notes(self) -> tuple[str, ...]:
        if self._folder is None:
            return ()
        return (f"wrote {how_many(len(self._names), 'script')} to {self._folder}",)


def _programs(said: Diagnostic, trial: Trial) -> Iterator[str]:
    """The programs that ran for a finding: as written, with the control, and with the defect planted."""
    for name, case in trial.arms.items():
        words = {"written": "as written"}.get(name, name)
        yield f"\n# {place(said.where)}: {said.name}, {words}\n{case.program.rstrip()}"
