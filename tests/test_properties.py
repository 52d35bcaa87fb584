"""What must hold for any file, any order and any number of workers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import HERE, said, write
from trainlint.adopt import add_ignores
from trainlint.book import open_book
from trainlint.config import Config
from trainlint.diagnostic import Diagnostic, Report
from trainlint.fix import fix_source
from trainlint.lint import Effort, lint, lint_source
from trainlint.source import source_from_text

BOOK = open_book()
EVERYTHING = ("ALL",)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
VERY_FEW = settings(FEW, max_examples=12)

PIECES = (
    "import torch",
    "from torch import nn, optim",
    "import torch.nn.functional as F",
    "from helpers import *",
    "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))",
    "criterion = nn.CrossEntropyLoss()",
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
    "scheduler = optim.lr_scheduler.StepLR(optimizer, 3)",
    "loader = torch.utils.data.DataLoader(data, batch_size=4)",
    "total = 0",
    "for epoch in range(10):",
    "for x, y in loader:",
    "with torch.no_grad():",
    "if epoch % 2:",
    "def train(model, loader, optimizer):",
    "class Net(nn.Module):",
    "def forward(self, x):",
    "out = model(x)",
    "loss = criterion(out, y)",
    "loss = F.binary_cross_entropy(torch.sigmoid(out), y)",
    "total += loss",
    "losses.append(loss.item())",
    "loss.backward()",
    "optimizer.step()",
    "scheduler.step()",
    "optimizer.zero_grad()",
    "model.eval()",
    "model.train()",
    "train(model, loader, optimizer)",
    "return model(x)",
    "x = [",
    "]",
    '"""',
    "pass  # trainlint: ignore[missing-zero-grad]",
    "# trainlint: skip-file",
    "%matplotlib inline",
    "\\",
    "\f",
    "\u00e9 = '\U0001f600'; total = total + loss",
)
TEXTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(PIECES)), max_size=25).map(
    lambda lines: "".join("    " * depth + text + "\n" for depth, text in lines)
)
STATEMENTS = [
    piece for piece in PIECES if not piece.startswith((":", "%", "]", '"', "\\", "return", "import", "from"))
    and not piece.endswith((":", "[", "\f"))
]  # fmt: skip
PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn, optim

data, losses = [], []
model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.StepLR(optimizer, 3)
loader = torch.utils.data.DataLoader(data, batch_size=4)
for epoch in range(10):
    total = 0
    for x, y in loader:
        out = model(x)
"""
PROGRAMS = st.lists(st.sampled_from(STATEMENTS), max_size=9).map(
    lambda body: PROGRAM + "".join(f"        {statement}\n" for statement in body)
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def lint_text(text: str | bytes, where: Path, path: str = "a.py") -> Report:
    config = Config(root=where, select=EVERYTHING)
    return lint_source(text, Path(path), config, BOOK, cwd=where, effort=HERE)


@FEW
@given(st.one_of(st.text(), st.binary(), TEXTS, PROGRAMS), st.sampled_from(["a.py", "a.ipynb"]))
def test_no_text_makes_an_internal_error(text: str | bytes, path: str) -> None:
    with folder() as where:
        report = lint_text(text, where, path)
    assert [failure for failure in report.failures if failure.kind == "internal-error"] == []


@FEW
@given(st.one_of(PROGRAMS, TEXTS))
def test_fixes_parse_leave_nothing_new_and_come_to_an_end(text: str) -> None:
    with folder() as where:
        config = Config(root=where, select=EVERYTHING)
        result = fix_source(text, Path("a.py"), config, BOOK, unsafe=True, cwd=where, effort=HERE)
        for change in result.rewritten:
            assert source_from_text(change.after, "a.py").tree is not None
            again = fix_source(change.after, Path("a.py"), config, BOOK, unsafe=True, cwd=where, effort=HERE)
            assert again.rewritten == ()
            before = {d.name for d in lint_text(text, where).diagnostics}
            after = {d.name for d in lint_text(change.after, where).diagnostics}
            assert after <= before | {"unused-suppression"}


def is_it(fingerprint: str, finding: Diagnostic) -> bool:
    return finding.fingerprint == fingerprint


@FEW
@given(st.one_of(PROGRAMS, TEXTS))
def test_a_comment_takes_away_what_it_names_and_nothing_else(text: str) -> None:
    with folder() as where:
        before = lint_text(text, where)
        for chosen in before.diagnostics:
            if chosen.name == "unused-suppression":
                continue
            file = write(where, a=text) / "a.py"
            config = Config(root=where, select=EVERYTHING)
            mark = chosen.fingerprint
            result = add_ignores([file], config, BOOK, wanted=partial(is_it, mark), cwd=where, effort=HERE)
            left = {d.fingerprint for d in result.report.diagnostics if d.name != "unused-suppression"}
            kept = {d.fingerprint for d in before.diagnostics if d.name != "unused-suppression"}
            same_line = {
                d.fingerprint
                for d in before.diagnostics
                if d.name == chosen.name and d.where.line <= chosen.where.end_line <= d.where.end_line
            }
            assert chosen.fingerprint not in left
            assert kept - same_line - {chosen.fingerprint} <= left


SIX_TEXTS = st.lists(st.one_of(PROGRAMS, TEXTS), min_size=6, max_size=6)


def write_six(where: Path, texts: list[str]) -> list[Path]:
    for number, text in enumerate(texts):
        imported = f"import file{(number * 5 + 1) % 6}\nfrom file{(number + 2) % 6} import *\n"
        write(where, **{f"file{number}": f"{imported}{text}\n# {'.' * 25_000}\n"})
    return [where / f"file{number}.py" for number in range(6)]


@VERY_FEW
@given(st.permutations(range(6)), SIX_TEXTS)
def test_order_changes_nothing(order: list[int], texts: list[str]) -> None:
    with folder() as where:
        config = Config(root=where, select=EVERYTHING)
        paths = write_six(where, texts)
        expected = lint(paths, config, BOOK, cwd=where, effort=HERE)
        assert lint([paths[number] for number in order], config, BOOK, cwd=where, effort=HERE) == expected
        for path in paths[:2]:
            alone = lint([path], config, BOOK, cwd=where, effort=HERE)
            assert said(alone) == [found for found in said(expected) if found[0] == path.name]


@settings(FEW, max_examples=3)  # processes that cannot be forked take seconds to start
@given(st.sampled_from([1, 2]), SIX_TEXTS)
def test_workers_change_nothing(jobs: int, texts: list[str]) -> None:
    with folder() as where:
        config = Config(root=where, select=EVERYTHING)
        paths = write_six(where, [PROGRAM, *texts[1:]])
        expected = lint(paths, config, BOOK, cwd=where, effort=HERE)
        assert lint(paths, config, BOOK, cwd=where, effort=Effort(jobs=jobs)) == expected


@pytest.mark.parametrize("letters", ["w", ".", "%{", "'%a", "a.b", "torch.save(", "a, ", "    "])
def test_long_lines_are_gone_through_once(letters: str, tmp_path: Path) -> None:
    """Pictures in notebooks and packed data are lines of a megabyte; what goes back for each letter gives up on them."""
    text = PROGRAM + (
        "        loss = criterion(out, y)\n        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n"
        "torch.save(model.state_dict(), 'm.pt')\nmodel.load_state_dict(torch.load('m.pt'))\n"
    )
    line = f"# {letters * (400_000 // len(letters))}\n"
    write(tmp_path, train=text + line, score=f"import train\nscore = 1\n{line}")
    config = Config(root=tmp_path, select=EVERYTHING)
    report = lint([tmp_path], config, BOOK, cwd=tmp_path, effort=Effort(jobs=0, limit=30.0))
    assert report.failures == ()
    assert report.diagnostics
