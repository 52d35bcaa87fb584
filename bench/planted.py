"""How many defects that are planted into real programs trainlint finds.

    python bench/planted.py FOLDER... [--rule NAME]... [--most N] [--seed N]

Each folder holds repositories, one folder each. In one file of each that goes backward the lines of one pattern are
changed: `zero_grad()` or `eval()` is dropped, `shuffle=True` turned into `shuffle=False`, and the changed file is linted
in a copy of its repository, or where that says nothing new all of the repository: the file may only switch modes, and
another one evaluate. It counts as found if the rule has more to say than before. Not every change makes a defect: a
network without dropout needs no `eval()`, and another line may do what the dropped one did, so no rule gets to the
whole number. The files in which a rule stays silent are listed, to be read.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from trainlint.book import Book, open_book
from trainlint.config import Config
from trainlint.lint import lint

LARGEST = 150  # files of a repository that is still copied


@dataclass(frozen=True)
class Plant:
    """Lines that match `pattern` become `into`, or `pass` in their place; only in files that speak of `needs`."""

    pattern: str
    into: str | None = None
    needs: str = "backward()"

    def edited(self, text: str) -> str:
        wanted = re.compile(self.pattern)
        return "".join(self._line(wanted, line) for line in text.splitlines(keepends=True))

    def _line(self, wanted: re.Pattern[str], line: str) -> str:
        bare = line.lstrip()
        if bare.startswith("#") or wanted.search(line) is None:
            return line
        return wanted.sub(self.into, line) if self.into is not None else line[: -len(bare)] + "pass\n"


def _call(method: str, given: str = r"[^()]*") -> str:
    return rf"^\s*[\w.\[\]]+\.{method}\({given}\)\s*(#.*)?$"


PLANTS = {
    "missing-zero-grad": Plant(_call("zero_grad")),
    "missing-eval-mode": Plant(_call("eval", "")),
    "stuck-in-eval-mode": Plant(_call("train", "(True)?")),
    "missing-no-grad": Plant(r"with torch\.no_grad\(\)\s*:", "if True:"),
    "loss-retains-graph": Plant(r"(\+= *[\w.]*loss[\w]*)\.item\(\)", r"\1"),
    "train-loader-not-shuffled": Plant(r"shuffle *= *True", "shuffle=False"),
    "sampler-epoch-not-set": Plant(_call("set_epoch")),
    "load-without-map-location": Plant(r"(torch\.load\(.*), *map_location *= *[^()]+(\([^()]*\))?\)", r"\1)"),
    "clip-misplaced": Plant(_call("unscale_")),
    "softmax-before-cross-entropy": Plant(
        r"((?:criterion|loss_fn|F\.cross_entropy|self\.criterion)\()([\w.]+), *",
        r"\1\2.softmax(1), ",
        "CrossEntropy",
    ),
    "unregistered-submodule": Plant(r"nn\.ModuleList\((.+)\)\s*$", "list(\\1)\n"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Defects planted into real programs.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders of repositories")
    parser.add_argument("--rule", action="append", choices=sorted(PLANTS), help="only this rule")
    parser.add_argument("--most", type=int, default=45, metavar="N", help="files for each rule")
    parser.add_argument("--seed", type=int, default=7, metavar="N")
    given = parser.parse_args()
    book = open_book()
    for rule in given.rule or PLANTS:
        places = list(_places(given.folders, PLANTS[rule], random.Random(given.seed)))[: given.most]
        silent = [file for repository, file in places if not _is_found(rule, repository, file, book)]
        print(f"{rule}: {len(places) - len(silent)} of {len(places)}")
        print("".join(f"    {file}\n" for file in silent), end="", flush=True)


def _places(folders: Sequence[Path], plant: Plant, order: random.Random) -> Iterator[tuple[Path, Path]]:
    """One file of each repository that the change fits, in random order."""
    repositories = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_dir()]
    order.shuffle(repositories)
    for repository in repositories:
        files = [
            path for path in sorted(repository.rglob("*.py")) if path.is_file() and "test" not in path.name
        ]
        order.shuffle(files)
        for file in files if len(files) <= LARGEST else ():
            text = file.read_text(encoding="utf-8", errors="replace")
            if "backward()" in text and plant.needs in text and plant.edited(text) != text:
                yield repository, file
                break


def _is_found(rule: str, repository: Path, file: Path, book: Book) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / repository.name
        copytree(repository, copy, symlinks=True)
        (copy / ".git").mkdir(exist_ok=True)  # it was one: what lies in it belongs together
        changed = copy / file.relative_to(repository)
        text = changed.read_text(encoding="utf-8", errors="replace")
        for linted in (changed, copy):
            changed.write_text(text, encoding="utf-8")
            before = _said(rule, linted, copy, book)
            changed.write_text(PLANTS[rule].edited(text), encoding="utf-8")
            if _said(rule, linted, copy, book) > before:
                return True
    return False


def _said(rule: str, path: Path, root: Path, book: Book) -> int:
    return len(lint([path], Config(root=root, select=(rule,), max_advice=1000), book, cwd=root).diagnostics)


if __name__ == "__main__":
    main()
