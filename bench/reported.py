"""How many defects that people reported in real repositories trainlint finds, and whether their fixes satisfy it.

    python bench/reported.py FOLDER --rows FILE [--rule NAME]... [--id ID]... [--json FILE]

FOLDER holds the fetched repositories, each as OWNER+NAME or OWNER/NAME (a clone, a bare git directory, or either
inside `repo`), or the trees themselves as ID/buggy and ID/fixed. Nothing is fetched here.

A row is a JSON object of a line: `id`, `repo`, `commit`, `path`, `line`, `rules`, and where they are known
`line_end`, `alt_lines`, `cell_index` (of a notebook, from 0), `other_paths`, `fixed_commit`, `fixed_path`. It is
found if a finding of one of its rules, or a place that such a finding rests on, lies within a few lines of
`line` or one of `alt_lines`. It is left in the fixed tree if such a finding is still near the lines that these became.
Totals count the rows with a rule that is in the book.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any

from repositories import Linted, folder_of, git_of, has_commit, run_trainlint, unpack

from trainlint.book import open_book


@dataclass(frozen=True, slots=True)
class Row:
    """A defect that somebody reported. Lines count from 1, in a notebook within cell number `cell`."""

    id: str
    repo: str
    rules: tuple[str, ...]
    commit: str
    path: str
    lines: tuple[range, ...]
    cell: int | None = None
    other_paths: tuple[str, ...] = ()
    fixed_commit: str = ""
    fixed_path: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: found, missed, absent (no tree) or failed; left, clean or absent in the fixed tree."""

    id: str
    repo: str
    rules: tuple[str, ...]
    buggy: str
    fixed: str
    findings: tuple[str, ...] = ()
    note: str = ""


def main() -> None:
    arguments = read_arguments()
    known = {page.name for page in open_book().pages}
    rows = [row for row in read_rows(arguments.rows) if is_asked(row, arguments)]
    there = [replace(row, rules=tuple(rule for rule in row.rules if rule in known)) for row in rows]
    there = [row for row in there if row.rules]
    judge = partial(
        try_row, folder=arguments.folder, tolerance=arguments.tolerance, timeout=arguments.timeout
    )
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = []
        for outcome in pool.map(judge, there):
            print(in_words(outcome), flush=True)
            outcomes.append(outcome)
    totals = {**count(outcomes), "rows": len(rows), "without a rule": len(rows) - len(there)}
    print(totals_in_words(totals))
    if arguments.json:
        document = {"totals": totals, "rows": [asdict(outcome) for outcome in outcomes]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="fetched repositories, or trees by row")
    parser.add_argument("--rows", type=Path, required=True, help="the reported defects")
    parser.add_argument("--rule", action="append", default=[], help="only rows of this rule")
    parser.add_argument("--id", action="append", default=[], help="only this row")
    parser.add_argument("--tolerance", type=int, default=5, help="lines around a place (default: 5)")
    parser.add_argument("--jobs", type=int, default=1, help="rows at a time (default: 1)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one tree (default: 600)")
    parser.add_argument("--json", type=Path, help="write the outcomes there")
    return parser.parse_args()


def read_rows(file: Path) -> Iterator[Row]:
    for line in filter(str.strip, file.read_text(encoding="utf-8").splitlines()):
        yield row_of(json.loads(line))


def row_of(data: Mapping[str, Any]) -> Row:
    lines = [range(data["line"], (data.get("line_end") or data["line"]) + 1)]
    lines += [range(line, line + 1) for line in data.get("alt_lines") or ()]
    cell = data.get("cell_index")
    return Row(
        id=data["id"],
        repo=data["repo"],
        rules=tuple(data["rules"]),
        commit=data["commit"],
        path=data["path"],
        lines=tuple(lines),
        cell=None if cell is None else cell + 1,
        other_paths=tuple(data.get("other_paths") or ()),
        fixed_commit=data.get("fixed_commit") or "",
        fixed_path=data.get("fixed_path") or data["path"],
    )


def is_asked(row: Row, arguments: argparse.Namespace) -> bool:
    by_rule = not arguments.rule or any(rule in arguments.rule for rule in row.rules)
    return by_rule and (not arguments.id or row.id in arguments.id)


# One row


def try_row(row: Row, folder: Path, tolerance: int, timeout: float) -> Outcome:
    """Lint both trees and look near the places."""
    outcome = Outcome(row.id, row.repo, row.rules, "absent", "absent")
    with (
        tree_of(row, folder, "buggy", row.commit) as buggy,
        tree_of(row, folder, "fixed", row.fixed_commit) as fixed,
    ):
        if buggy is None:
            return replace(outcome, note="no tree of this commit")
        said = lint_row(buggy, row, timeout)
        near = nearby(said, row, tolerance)
        state = "failed" if said.trouble else "found" if near else "missed"
        note = "; ".join(filter(None, (told(said), *elsewhere(said, row, near))))
        outcome = replace(outcome, buggy=state, findings=tuple(map(located, near)), note=note)
        if fixed is None:
            return outcome
        there = moved(row, buggy, fixed)
        after = lint_row(fixed, there, timeout)
        left = nearby(after, there, tolerance)
        note = "; ".join(
            filter(None, (outcome.note, told(after), *(f"left: {located(found)}" for found in left)))
        )
        return replace(outcome, fixed="failed" if after.trouble else "left" if left else "clean", note=note)


@contextmanager
def tree_of(row: Row, folder: Path, kind: str, commit: str) -> Iterator[Path | None]:
    """The tree of a commit: the one that lies there, or one unpacked for as long as it is needed."""
    ready, repository = folder / row.id / kind, folder_of(folder, row.repo)
    git = git_of(repository) if repository else None
    if ready.is_dir():
        yield ready
    elif not commit or git is None or not has_commit(git, commit):
        yield None
    else:
        with tempfile.TemporaryDirectory(prefix="trainlint-") as temporary:
            tree = Path(temporary) / row.repo.partition("/")[2]
            unpack(git, commit, tree)
            yield tree


def lint_row(tree: Path, row: Row, timeout: float) -> Linted:
    paths = [path for path in (row.path, *row.other_paths) if (tree / path).is_file()]
    if row.path not in paths:
        return Linted({}, f"no file {row.path}")
    return run_trainlint(tree, paths, ("--jobs", "1", "--extend-select", ",".join(row.rules)), timeout)


def nearby(said: Linted, row: Row, tolerance: int) -> list[Mapping[str, Any]]:
    """The findings of the row's rules that lie, or rest on something, near its places."""
    return [
        finding
        for finding in said.findings
        if finding["name"] in row.rules
        and any(is_near(place, row, tolerance) for place in (finding, *finding["because"]))
    ]


def elsewhere(said: Linted, row: Row, near: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Findings of the row's rules in its files that are not near: a hint at what was taken for the place."""
    if not near:
        yield from (f"elsewhere: {located(found)}" for found in said.findings if found["name"] in row.rules)


def is_near(place: Mapping[str, Any], row: Row, tolerance: int) -> bool:
    if place["path"] != row.path or place["cell"] != row.cell:
        return False
    last = place.get("end_line", place["line"]) if place["line"] in row.lines else place["line"]
    return any(place["line"] <= lines[-1] + tolerance and last >= lines[0] - tolerance for lines in row.lines)


def moved(row: Row, buggy: Path, fixed: Path) -> Row:
    """The row with its places where they are in the fixed file."""
    old, new = lines_of(buggy / row.path, row.cell), lines_of(fixed / row.fixed_path, row.cell)
    lines = tuple(range(became(span[0], old, new), became(span[-1], old, new) + 1) for span in row.lines)
    return replace(
        row, path=row.fixed_path, lines=tuple(span or range(span.start, span.start + 1) for span in lines)
    )


def lines_of(file: Path, cell: int | None) -> list[str]:
    if not file.is_file():
        return []
    if cell is None:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[cell - 1]["source"]).splitlines() if cell <= len(cells) else []


def became(line: int, old: Sequence[str], new: Sequence[str]) -> int:
    """The line of the new text that a line of the old one is, or stands in the place of."""
    for _, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if start <= line - 1 < end:
            return min(new_start + line - 1 - start, max(new_end - 1, new_start)) + 1
    return line


# Words


def located(finding: Mapping[str, Any]) -> str:
    cell = f"cell {finding['cell']}:" if finding["cell"] else ""
    return f"{finding['path']}:{cell}{finding['line']}: {finding['level']}[{finding['name']}]"


def told(said: Linted) -> str:
    failures = [f"{failure['path']}: {failure['message']}" for failure in said.document.get("failures", ())]
    more = f" and {len(failures) - 1} more failures" if len(failures) > 1 else ""
    return said.trouble or (failures[0] + more if failures else "")


def in_words(outcome: Outcome) -> str:
    note = f"  ({outcome.note})" if outcome.note else ""
    fixed = "" if outcome.fixed == "absent" else f", fixed: {outcome.fixed}"
    places = "".join(f"\n    {finding}" for finding in outcome.findings)
    return f"{outcome.buggy:6} {outcome.id} {','.join(outcome.rules)}{fixed}{note}{places}"


def count(outcomes: Sequence[Outcome]) -> dict[str, int]:
    tried = [outcome for outcome in outcomes if outcome.buggy != "absent"]
    pairs = [outcome for outcome in tried if outcome.fixed != "absent"]
    return {
        "tried": len(tried),
        "found": sum(outcome.buggy == "found" for outcome in tried),
        "failed": sum("failed" in (outcome.buggy, outcome.fixed) for outcome in tried),
        "pairs": len(pairs),
        "left": sum(outcome.fixed == "left" for outcome in pairs),
        "told apart": sum((outcome.buggy, outcome.fixed) == ("found", "clean") for outcome in pairs),
        "absent": len(outcomes) - len(tried),
    }


def totals_in_words(totals: Mapping[str, int]) -> str:
    return (
        f"{totals['found']} of {totals['tried']} found ({share(totals['found'], totals['tried'])})\n"
        f"{totals['left']} of {totals['pairs']} still reported after the fix, "
        f"{totals['told apart']} told apart ({share(totals['told apart'], totals['pairs'])})\n"
        f"{totals['rows']} rows: {totals['without a rule']} whose rule does not exist yet, "
        f"{totals['absent']} without a tree, {totals['failed']} failed"
    )


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


if __name__ == "__main__":
    main()
