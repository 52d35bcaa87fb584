"""Fixes leave files whole, resolve what they are for, bring nothing new and touch nothing else."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import HERE, Spot, book_of, calls, flags, page, report_on, said, write
from tests.test_lint import ENGINE, MAIN, notebook, only
from trainlint.adopt import add_ignores
from trainlint.book import Book, Page, open_book
from trainlint.config import Config
from trainlint.fix import Fixed, diff, fix, fix_source
from trainlint.fix import write as write_files
from trainlint.meaning.place import replace
from trainlint.rule import Finding


def renames(name: str, word: str, to: str, applicability: Any = "safe") -> Page:
    """A rule that wants every call of `word` to be something else."""
    return rewrites(name, word, lambda spot: to, applicability)


def rewrites(name: str, word: str, write: Callable[[Any], str], applicability: Any = "safe") -> Page:
    def check(program: Any, options: Any) -> Iterator[Finding]:
        for spot in calls(program, word):
            change = replace(spot, write(spot))
            yield Finding(spot, f"{word} is called", fix=[change])

    return page(name, check, fix=applicability)


def fixed(
    folder: Path, book: Book, *, unsafe: bool = False, config: Config | None = None, **options: Any
) -> Fixed:
    return fix(
        [folder], config or Config(root=folder), book, unsafe=unsafe, cwd=folder, effort=HERE, **options
    )


def apply(folder: Path, result: Fixed) -> None:
    assert write_files(result.rewritten) == ()


NO_BAD = renames("no-bad", "bad", "good()")


def test_safe_fixes_are_applied_and_nothing_else_changes(tmp_path: Path) -> None:
    write(tmp_path, a="x = bad( )  # keep\n\n\ny = [bad() , 2]\n", b="x = 1\n")
    result = fixed(tmp_path, book_of(NO_BAD))
    assert (tmp_path / "a.py").read_text() == "x = bad( )  # keep\n\n\ny = [bad() , 2]\n"
    apply(tmp_path, result)
    assert (tmp_path / "a.py").read_text() == "x = good()  # keep\n\n\ny = [good() , 2]\n"
    assert [change.path for change in result.rewritten] == ["a.py"]
    assert (len(result.fixed), result.refused, said(result.report)) == (2, (), [])
    assert fixed(tmp_path, book_of(NO_BAD)).rewritten == ()


def test_unsafe_fixes_are_applied_only_when_asked(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n")
    book = book_of(renames("no-bad", "bad", "good()", applicability="unsafe"))
    assert fixed(tmp_path, book).rewritten == ()
    assert said(fixed(tmp_path, book).report) == [("a.py", 1, "no-bad")]
    assert [change.after for change in fixed(tmp_path, book, unsafe=True).rewritten] == [b"good()\n"]


def test_fixes_of_a_real_rule_reach_files_from_their_callers(tmp_path: Path) -> None:
    write(tmp_path, main=MAIN, engine=ENGINE)
    result = fixed(tmp_path, open_book(), unsafe=True, config=only(tmp_path, "missing-zero-grad"))
    apply(tmp_path, result)
    assert "optimizer.zero_grad()" in (tmp_path / "engine.py").read_text()
    assert (tmp_path / "main.py").read_text() == MAIN
    assert said(result.report) == []


@pytest.mark.parametrize(
    ("use", "fixable"),
    [
        ("nn.init.zeros_(self.conv.bias)", False),
        ("if self.conv.bias is not None: nn.init.zeros_(self.conv.bias)", True),
    ],
)
def test_no_fix_takes_away_what_the_code_counts_on(tmp_path: Path, use: str, fixable: bool) -> None:
    write(tmp_path, network=NORMALISED.replace("pass", use))
    report = report_on(tmp_path, open_book(), only(tmp_path, "norm-placement"))
    assert [finding.fix is not None for finding in report.diagnostics] == [fixable]


NORMALISED = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.LazyLinear(10)
        pass
    def forward(self, x):
        return self.out(torch.relu(self.norm(self.conv(x))).flatten(1))
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for x, y in torch.load("data.pt"):
    opt.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    opt.step()
"""


def test_fixes_that_make_room_for_others_are_followed_up(tmp_path: Path) -> None:
    write(tmp_path, a="bad(bad(bad()))\n")
    book = book_of(rewrites("no-bad", "bad", lambda spot: f"good({arguments(spot)})"))
    result = fixed(tmp_path, book)
    assert [change.after for change in result.rewritten] == [b"good(good(good()))\n"]


def arguments(spot: Any) -> str:
    start, end = spot.unit.source.span(spot.cst)
    return str(spot.unit.source.text[start:end]).partition("(")[2][:-1]


@pytest.mark.parametrize(
    ("to", "why"),
    [("good(", "fails"), ("(bad())", "still be there"), ("worse()", "no-worse would be new")],
)
def test_a_fix_that_does_harm_is_refused_alone(tmp_path: Path, to: str, why: str) -> None:
    write(tmp_path, a="bad()\nugly()\n", b="ugly()\n")
    book = book_of(
        renames("no-bad", "bad", to), flags("no-worse", "worse"), renames("no-ugly", "ugly", "fine()")
    )
    result = fixed(tmp_path, book)
    assert {change.path: change.after for change in result.rewritten} == {
        "a.py": b"bad()\nfine()\n",
        "b.py": b"fine()\n",
    }
    assert [refused.diagnostic.name for refused in result.refused] == ["no-bad"]
    assert why in result.refused[0].reason
    assert said(result.report) == [("a.py", 1, "no-bad")]


def test_a_finding_that_was_there_before_does_not_count_against_a_fix(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\nbad(); worse()\nworse(bad(), bad())\n")
    book = book_of(renames("no-bad", "bad", "a_good_one()"), flags("no-worse", "worse"))
    result = fixed(tmp_path, book)
    assert [change.after for change in result.rewritten] == [
        b"x = 1\na_good_one(); worse()\nworse(a_good_one(), a_good_one())\n"
    ]
    assert result.refused == ()


def test_what_gave_way_to_the_fixed_finding_may_show_afterwards(tmp_path: Path) -> None:
    write(tmp_path, a="worse(bad())\n")
    book = book_of(NO_BAD, flags("no-worse", "worse", yields_to=("no-bad",)))
    result = fixed(tmp_path, book)
    assert [change.after for change in result.rewritten] == [b"worse(good())\n"]
    assert said(result.report) == [("a.py", 1, "no-worse")]


def test_one_bad_fix_among_many_does_not_hold_up_the_others(tmp_path: Path) -> None:
    text = "".join(f"bad({number})\n" for number in range(12))
    write(tmp_path, a=text)

    def rewritten(spot: Any) -> str:
        return "bad(7" if arguments(spot) == "7" else f"good({arguments(spot)})"

    result = fixed(tmp_path, book_of(rewrites("no-bad", "bad", rewritten)))
    assert [change.after.decode() for change in result.rewritten] == [
        text.replace("bad", "good").replace("good(7)", "bad(7)")
    ]
    assert len(result.refused) == 1


def test_a_fix_over_several_files_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def check(program: Any, options: Any) -> Iterator[Finding]:
        for spot in calls(program, "bad"):
            project = program.reading.project
            other = project.source(project.root / "b.py")
            unit = type(spot.unit)(source=other)
            target: Any = Spot(unit, other.tree.body[0].body[0].value)
            changes = [
                replace(spot, "good()"),
                replace(target, project.text(project.root / "to.txt.py").strip()),
            ]
            yield Finding(spot, "bad", fix=changes)

    book = book_of(page("no-bad", check, fix="safe"))
    write(tmp_path, a="bad()\n", b="old()\n", **{"to.txt": "new("})
    config = Config(root=tmp_path, exclude=("to.txt.py",))
    assert fixed(tmp_path, book, config=config).rewritten == ()
    write(tmp_path, **{"to.txt": "new()"})
    both = fixed(tmp_path, book, config=config)
    assert {change.path: change.after for change in both.rewritten} == {
        "a.py": b"good()\n",
        "b.py": b"new()\n",
    }
    alone = fix(["a.py"], config, book, cwd=tmp_path, effort=HERE)
    assert alone.rewritten == ()
    assert "b.py, which was not given" in alone.refused[0].reason


def test_chosen_findings_only(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\nbad()\n")
    result = fixed(tmp_path, book_of(NO_BAD), wanted=lambda finding: finding.where.line == 2)
    assert [change.after for change in result.rewritten] == [b"bad()\ngood()\n"]


def test_encoding_newlines_and_permissions_stay(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    raw = b"\xef\xbb\xbf# caf\xc3\xa9\r\nbad()\r\nx = '\xf0\x9f\x98\x80'; bad()"
    file.write_bytes(raw)
    file.chmod(0o754)
    latin = tmp_path / "b.py"
    latin.write_bytes(b"# coding: latin-1\nx = '\xe9'; bad()\n")
    apply(tmp_path, fixed(tmp_path, book_of(NO_BAD)))
    assert file.read_bytes() == raw.replace(b"bad()", b"good()")
    assert stat.S_IMODE(file.stat().st_mode) == 0o754
    assert latin.read_bytes() == b"# coding: latin-1\nx = '\xe9'; good()\n"


def test_notebooks_keep_everything_but_the_fixed_code(tmp_path: Path) -> None:
    before = notebook("%time\nx = 1\n", "bad()\ny = '\u00e9'")
    (tmp_path / "a.ipynb").write_text(before, encoding="utf-8")
    apply(tmp_path, fixed(tmp_path, book_of(NO_BAD)))
    after = (tmp_path / "a.ipynb").read_text(encoding="utf-8")
    assert after == before.replace("bad()", "good()")
    assert json.loads(after)["cells"][1]["source"][0] == "good()\n"


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n", b="bad()\n")
    result = fixed(tmp_path, book_of(NO_BAD))
    (tmp_path / "a.py").write_text("somebody_typed()\n")
    [failure] = write_files(result.rewritten)
    assert failure.path == "a.py"
    assert (tmp_path / "a.py").read_text() == "somebody_typed()\n"
    assert (tmp_path / "b.py").read_text() == "good()\n"


def test_standard_input_is_fixed_in_memory(tmp_path: Path) -> None:
    write(tmp_path, a="untouched()\n")
    result = fix_source(
        "bad()\n", Path("a.py"), Config(root=tmp_path), book_of(NO_BAD), cwd=tmp_path, effort=HERE
    )
    assert [change.after for change in result.rewritten] == [b"good()\n"]
    assert (tmp_path / "a.py").read_text() == "untouched()\n"


def test_a_patch_shows_what_would_be_written(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1\nbad()")
    assert diff(fixed(tmp_path, book_of(NO_BAD)).rewritten) == (
        "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n x = 1\n"
        "-bad()\n\\ No newline at end of file\n+good()\n\\ No newline at end of file\n"
    )


def test_unused_suppressions_are_removed(tmp_path: Path) -> None:
    write(tmp_path, a="x = 1  # trainlint: ignore[no-bad]\nbad()  # trainlint: ignore[no-bad, no-worse]\n")
    result = fixed(tmp_path, book_of(flags("no-bad", "bad"), flags("no-worse", "worse")))
    assert [change.after for change in result.rewritten] == [b"x = 1\nbad()  # trainlint: ignore[no-bad]\n"]


def test_a_fix_may_leave_a_comment_without_use(tmp_path: Path) -> None:
    write(tmp_path, a="bad(worse())  # trainlint: ignore[no-worse] because\n")
    result = fixed(tmp_path, book_of(NO_BAD, flags("no-worse", "worse")))
    assert [change.after for change in result.rewritten] == [b"good()\n"]


# Adoption

OLD = '''\
bad()
x = [
    1,
    bad(),
]
y = """
text""" + bad() \\
    + 1
if bad(): bad()  # why
bad()  # trainlint: ignore[no-worse] a reason
for i in bad(
    1
):
    pass
@bad()
def f(a=bad(),
      b=2): worse()
'''
ADOPTED = '''\
bad()  # trainlint: ignore[no-bad]
x = [
    1,
    bad(),
]  # trainlint: ignore[no-bad]
y = """
text""" + bad() \\
    + 1  # trainlint: ignore[no-bad]
if bad(): bad()  # why  # trainlint: ignore[no-bad]
bad()  # trainlint: ignore[no-worse, no-bad] a reason
for i in bad(
    1
):  # trainlint: ignore[no-bad]
    pass
@bad()  # trainlint: ignore[no-bad]
def f(a=bad(),
      b=2): worse()  # trainlint: ignore[no-bad, no-worse]
'''
BOTH = book_of(flags("no-bad", "bad"), flags("no-worse", "worse"))


def adopted(folder: Path, **options: Any) -> Fixed:
    return add_ignores([folder], Config(root=folder), BOTH, cwd=folder, effort=HERE, **options)


def test_adoption_puts_a_comment_at_every_finding(tmp_path: Path) -> None:
    write(tmp_path, a=OLD)
    result = adopted(tmp_path)
    assert [change.after.decode() for change in result.rewritten] == [ADOPTED]
    apply(tmp_path, result)
    remaining = [found for found in said(report_on(tmp_path, BOTH)) if found[2] != "unused-suppression"]
    assert (remaining, result.refused) == ([], ())
    assert adopted(tmp_path).rewritten == ()


def test_adoption_can_say_why(tmp_path: Path) -> None:
    write(tmp_path, a="bad()\n")
    assert [c.after for c in adopted(tmp_path, reason="legacy\ncode").rewritten] == [
        b"bad()  # trainlint: ignore[no-bad] legacy code\n"
    ]


def test_adoption_of_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook("x = 1", "!ls\nbad()", "worse()\n"))
    apply(tmp_path, adopted(tmp_path))
    cells = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    assert ["".join(cell["source"]) for cell in cells] == [
        "x = 1",
        "!ls\nbad()  # trainlint: ignore[no-bad]",
        "worse()  # trainlint: ignore[no-worse]\n",
    ]
    assert said(report_on(tmp_path, BOTH)) == []


def test_a_loop_is_indented_around_a_text_of_several_lines(tmp_path: Path) -> None:
    """The text keeps what it holds; one that is only a remark moves along."""
    text = (
        "import torch\nfrom torch import nn\n\nmodel = nn.Linear(8, 3)\nmodel.eval()\nright = 0\n"
        'for x, y in test_loader:\n    """\n    a remark\n    """\n    scores = model(x)\n'
        "    right += (scores.argmax(1) == y).sum().item()\n    print('''so far\nright:''', right)\n"
    )
    write(tmp_path, main=text)
    config = Config(root=tmp_path, select=("missing-no-grad",))
    apply(tmp_path, fixed(tmp_path, open_book(), unsafe=True, config=config))
    new = (tmp_path / "main.py").read_text()
    assert '        """\n        a remark\n        """\n' in new
    assert "        print('''so far\nright:''', right)\n" in new
