"""What trainlint says about real repositories: a table to publish, findings to judge, and what changed since.

    python bench/field.py FOLDER [--json FILE] [--judged FILE] [--repository NAME]... [--select RULES]

FOLDER holds the repositories, each as OWNER+NAME or OWNER/NAME: a clone, a bare git directory (its newest commit
counts), or plain files, whose commits stand in FOLDER/COMMITS.tsv (repository, tab, commit). Nothing is fetched here.

--json writes every finding with the source around it and around the places that it rests on, for readers to judge.
Their judgements are lines of `bench/judged.jsonl`: objects of `repository`, `commit`, `place` (PATH:LINE, in notebooks
PATH:cell N:LINE), `rule`, `verdict` ("true" or "false") and `reason`; several readers give several lines. If
the file exists, the findings that are new, gone and judged are printed against it, with the precision of each level.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from judgements import difference, place_of, read_judged
from repositories import Linted, git_of, head_of, repositories_in, run_trainlint, unpack

from trainlint.source import Source, SourceError, read_source

HERE = Path(__file__).resolve().parent
AROUND = 8  # lines before and after a place; readers can open the file for more


@dataclass(frozen=True, slots=True)
class Visit:
    """One repository linted. `findings` are ready to be judged."""

    repository: str
    commit: str
    said: Linted
    seconds: float
    findings: tuple[Mapping[str, Any], ...] = ()

    @property
    def files(self) -> int:
        count: int = self.said.document.get("summary", {}).get("files", 0)
        return count

    @property
    def failures(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self.said.document.get("failures", ()))


def main() -> None:
    arguments = read_arguments()
    commits = read_commits(arguments.folder)
    asked = [
        (name, folder)
        for name, folder in repositories_in(arguments.folder)
        if not arguments.repository or any(part in name for part in arguments.repository)
    ]
    options = ("--jobs", "1", *(("--select", arguments.select) if arguments.select else ()))
    go = partial(visit, commits=commits, options=options, timeout=arguments.timeout)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        visits = []
        for visited in pool.map(lambda named: go(*named), asked):
            print(row(visited), *crashes(visited), sep="\n", flush=True)
            visits.append(visited)
    print(totals(visits))
    if arguments.json:
        write_findings(arguments.json, visits)
    if arguments.judged.is_file():
        found = [finding for visited in visits for finding in visited.findings]
        print(
            difference(
                found,
                read_judged(arguments.judged),
                {visited.repository: visited.commit for visited in visits},
            )
        )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="repositories")
    parser.add_argument("--json", type=Path, help="write the findings there")
    parser.add_argument("--judged", type=Path, default=HERE / "judged.jsonl", help="earlier judgements")
    parser.add_argument(
        "--repository", action="append", default=[], help="only repositories with this in their name"
    )
    parser.add_argument("--select", help="as for trainlint (default: its default selection)")
    parser.add_argument("--jobs", type=int, default=1, help="repositories at a time (default: 1)")
    parser.add_argument(
        "--timeout", type=float, default=1800, help="seconds for one repository (default: 1800)"
    )
    return parser.parse_args()


def read_commits(folder: Path) -> Mapping[str, str]:
    file = folder / "COMMITS.tsv"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    cells = [line.split("\t") for line in lines]
    return {cell[0]: cell[1] for cell in cells if len(cell) > 1}


# One repository


def visit(
    name: str, folder: Path, commits: Mapping[str, str], options: Iterable[str], timeout: float
) -> Visit:
    """Lint a repository and cut out what a reader needs."""
    with tree_of(folder) as (tree, head):
        begun = time.perf_counter()
        said = run_trainlint(tree, ["."], options, timeout)
        seconds = time.perf_counter() - begun
        commit = head or commits.get(name, "")
        sources: dict[str, Source | None] = {}
        about = {"repository": name, "commit": commit}
        findings = tuple({**about, **for_readers(finding, tree, sources)} for finding in said.findings)
    return Visit(name, commit, said, seconds, findings)


@contextmanager
def tree_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files to lint, and the commit that they are of, empty where only files are known."""
    git = git_of(folder)
    if git is None or head_of(git) == "":
        yield folder, ""
        return
    with tempfile.TemporaryDirectory(prefix="trainlint-") as temporary:
        tree = Path(temporary) / folder.name
        head = head_of(git)
        unpack(git, head, tree)
        yield tree, head


def for_readers(
    finding: Mapping[str, Any], tree: Path, sources: dict[str, Source | None]
) -> Mapping[str, Any]:
    """A finding as its judges see it: the claim and the source around all its places."""
    return {
        "place": place_of(finding),
        "rule": finding["name"],
        "level": finding["level"],
        "message": finding["message"],
        "certainty": finding["certainty"],
        "excerpt": around(finding, tree, sources),
        "because": [
            {"place": place_of(why), "message": why["message"], "excerpt": around(why, tree, sources)}
            for why in finding["because"]
        ],
    }


def around(place: Mapping[str, Any], tree: Path, sources: dict[str, Source | None]) -> str:
    path = place["path"]
    if path not in sources:
        sources[path] = source_at(tree / path, path)
    source = sources[path]
    lines = cell_lines(source, place["cell"]) if source else []
    first, last = max(place["line"] - AROUND, 1), place.get("end_line", place["line"]) + AROUND
    marked = range(place["line"], place.get("end_line", place["line"]) + 1)
    shown = enumerate(lines[first - 1 : last], first)
    return "\n".join(f"{number:5} {'>' if number in marked else ' '} {line}" for number, line in shown)


def source_at(file: Path, path: str) -> Source | None:
    try:
        return read_source(file, path)
    except SourceError:
        return None


def cell_lines(source: Source, cell: int | None) -> list[str]:
    lines = source.written.splitlines()
    if cell is None:
        return lines
    offset, inside = 0, []
    for line in source.written.splitlines(keepends=True):
        if source.location(offset, offset).cell == cell:
            inside.append(line.rstrip("\r\n"))
        offset += len(line)
    return inside


# Words


def row(visited: Visit) -> str:
    """One line of the table in docs/precision.md."""
    rules = Counter(finding["rule"] for finding in visited.findings)
    counted = ", ".join(f"{rule} {number}" for rule, number in sorted(rules.items())) or "-"
    trouble = visited.said.trouble or (f"{len(visited.failures)} failures" if visited.failures else "")
    note = f" ({trouble})" if trouble else ""
    commit = visited.commit[:10] or "-"
    return (
        f"| {visited.repository} | {commit} | {visited.files} | {counted}{note} | {visited.seconds:.1f} s |"
    )


def crashes(visited: Visit) -> Iterator[str]:
    """What must not happen at all."""
    yield from (
        f"    {fail['path']}: {fail['message']}"
        for fail in visited.failures
        if fail["kind"] == "internal-error"
    )


def totals(visits: Sequence[Visit]) -> str:
    levels = Counter(finding["level"] for visited in visits for finding in visited.findings)
    kinds = Counter(failure["kind"] for visited in visits for failure in visited.failures)
    return (
        f"{len(visits)} repositories, {sum(visited.files for visited in visits)} files; "
        f"findings: {in_words(levels)}; failures: {in_words(kinds)}; "
        f"{sum(visited.seconds for visited in visits):.0f} s"
    )


def in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"


def write_findings(file: Path, visits: Iterable[Visit]) -> None:
    findings = [finding for visited in visits for finding in visited.findings]
    file.write_text(json.dumps(findings, indent=1, ensure_ascii=False) + "\n", "utf-8", "replace")


if __name__ == "__main__":
    main()
