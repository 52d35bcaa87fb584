"""Which files depend on which, as bits of whole numbers.

In a package most files depend on most others: as sets of paths the answers are large, and slow to go through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from trainlint.records import dataclass

Files = int  # a set of files: a bit for each, by the numbers that `Dependents` gives them


@dataclass(slots=True)
class Dependents:
    """What imports a file, directly or not; asked file by file, and remembered."""

    importers: Mapping[Path, Iterable[Path]]
    _files: list[Path] = field(default_factory=list, repr=False)
    _bits: dict[Path, Files] = field(default_factory=dict, repr=False)
    _direct: dict[Path, Files] = field(default_factory=dict, repr=False)
    _known: dict[Path, Files] = field(default_factory=dict, repr=False)

    def of(self, file: Path) -> Files:
        """The file and everything that imports it."""
        found = self._known.get(file)
        if found is None:
            found = self._known[file] = self._depending_on(file)
        return found

    def _depending_on(self, file: Path) -> Files:
        reached = pending = self.bit(file)
        while pending:
            lowest = pending & -pending
            pending ^= lowest
            current = self._files[lowest.bit_length() - 1]
            known = self._known.get(current)
            if known is not None:
                reached |= known
                pending &= ~known  # what imports those is known too
            else:
                new = self._importing(current) & ~reached
                reached |= new
                pending |= new
        return reached

    def _importing(self, file: Path) -> Files:
        """What imports a file directly."""
        found = self._direct.get(file)
        if found is None:
            found = 0
            for importer in self.importers.get(file, ()):
                found |= self.bit(importer)
            self._direct[file] = found
        return found

    def bit(self, file: Path) -> Files:
        found = self._bits.get(file)
        if found is None:
            found = self._bits[file] = 1 << len(self._files)
            self._files.append(file)
        return found

    def paths(self, files: Files) -> Iterator[Path]:
        while files:
            lowest = files & -files
            yield self._files[lowest.bit_length() - 1]
            files ^= lowest


@dataclass(slots=True)
class CalledBy:
    """Which files call a name, by the calls of each file; a file is looked at when it is first asked about."""

    dependents: Dependents
    calls: Callable[[Path], Iterable[str]]
    _seen: Files = 0
    _callers: dict[str, Files] = field(default_factory=dict, repr=False)

    def among(self, name: str, files: Files) -> Files:
        """Those of the files that call a name."""
        for file in self.dependents.paths(files & ~self._seen):
            bit = self.dependents.bit(file)
            for called in self.calls(file):
                self._callers[called] = self._callers.get(called, 0) | bit
        self._seen |= files
        return files & self._callers.get(name, 0)
