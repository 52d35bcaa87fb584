"""Comments that silence findings: `# trainlint: ignore[name]`, `ignore-next-line[...]` and `skip-file`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainlint.source import Source


@dataclass(frozen=True, slots=True)
class Suppressions:
    skip_file: bool = False

    def covers(self, name: str, first_line: int, last_line: int) -> bool:
        return self.skip_file


def find_suppressions(source: Source) -> Suppressions:
    if "trainlint:" not in source.text:
        return Suppressions()
    return Suppressions()
