"""What the engine must keep whatever the text looks like, and how much work it may do for the worst of texts.

Work is counted in steps of the interpreter, never in seconds.
"""

from __future__ import annotations

import io
import json
import tempfile
import textwrap
import tokenize
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fakes import HERE
from trainlint.book import open_book
from trainlint.config import Config
from trainlint.diagnostic import Report
from trainlint.lint import Effort, lint, lint_source
from trainlint.meaning import modes
from trainlint.meaning.machine import (
    STEPS_BEFORE_REPEATS,
    STEPS_OF_MAKING,
    STEPS_OF_TRAINING,
    STEPS_PER_READING,
    STEPS_PER_ROOT,
    STEPS_WHEN_BRIEF,
    STEPS_WHEN_SPENT,
)
from trainlint.meaning.parted import names_columns
from trainlint.meaning.reading import Reading, read_entry
from trainlint.meaning.values import Choice, Class, Constant, Member, Result, Value, constant
from trainlint.project import Project

BOOK = open_book()
APART = (
    Path(tempfile.gettempdir()) / "nobody" / "else"
)  # among our own files it would have callers to be read
FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def lint_text(text: str, name: str = "train.py") -> Report:
    config = Config(select=("ALL",))
    return lint_source(text, APART / name, config, BOOK, effort=HERE)


def read_files(folder: Path, **texts: str) -> Reading:
    """The reading of the first of some files."""
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "trainlint.toml").write_text("", encoding="utf-8")
    return read_entry(Project(folder, folder), folder / f"{next(iter(texts))}.py")


def rules(report: Report) -> Counter[str]:
    assert not report.failures
    return Counter(finding.name for finding in report.diagnostics)


# What a text looks like

PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
{definitions}

{net} = Net()
{judge} = nn.CrossEntropyLoss()
{updater} = torch.optim.SGD({net}.parameters(), lr=0.1)
{data} = TensorDataset(torch.randn(64, 8), torch.randint(4, (64,)))
{batches} = DataLoader({data}, batch_size=8)
{total} = 0
for {epoch} in range(50):
    {net}.train()
    for {inputs}, {wanted} in {batches}:
        {outputs} = {net}({inputs})
        {cost} = {judge}({outputs}, {wanted})
        {cost}.backward()
        {updater}.step()
        {total} += {cost}
    print({total}, score({net}, DataLoader({data}, batch_size=16)))
"""
DEFINITIONS = (
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(16, 4)

    def forward(self, x):
        x = self.drop(F.relu(self.first(x)))
        return F.softmax(self.last(x), dim=1)
""",
    """
def score(module, batches):
    right = 0
    for x, y in batches:
        right += (module(x).argmax(1) == y).sum().item()
    return right
""",
    """
def describe(rows):
    return {"count": len(rows), "first": rows[0] if rows else None}
""",
    """
class Meter:
    def __init__(self):
        self.sum = 0

    def add(self, value):
        self.sum += value
""",
)
USUAL = {
    "net": "model", "judge": "criterion", "updater": "optimizer", "data": "dataset", "batches": "loader", "total": "total",
    "epoch": "epoch", "inputs": "x", "wanted": "y", "outputs": "out", "cost": "loss",
}  # fmt: skip
# Names that say nothing, and names that say the wrong thing. (A `scheduler` of any kind keeps `no-lr-scheduler` silent.)
NAMES = (
    *("a", "b", "c", "d1", "e_2", "_f", "spam", "größe", "value", "thing", "k", "left", "right"),
    *("optimizer", "model", "loss", "loader", "criterion", "scaler", "val_loader", "labels"),
)


def program(names: dict[str, str] = USUAL, definitions: tuple[str, ...] = DEFINITIONS) -> str:
    return PROGRAM.format(definitions="\n".join(definitions), **names)


EXPECTED = rules(lint_text(program()))


def test_the_program_of_these_tests_has_several_kinds_of_findings() -> None:
    assert {"missing-zero-grad", "missing-eval-mode", "missing-no-grad"} <= set(EXPECTED)
    assert len(EXPECTED) >= 6


@FEW
@given(order=st.permutations(DEFINITIONS))
def test_the_order_of_independent_definitions_is_no_matter(order: list[str]) -> None:
    assert rules(lint_text(program(definitions=tuple(order)))) == EXPECTED


@FEW
@example(chosen=["a", "b", "c", "val_loader", "d1", "e_2", "_f", "spam", "größe", "value", "thing"])
@given(chosen=st.lists(st.sampled_from(NAMES), min_size=len(USUAL), max_size=len(USUAL), unique=True))
def test_the_names_of_variables_are_no_matter(chosen: list[str]) -> None:
    names = dict(zip(USUAL, chosen, strict=True))
    assert rules(lint_text(program(names))) == EXPECTED, names


@FEW
@given(st.data())
def test_comments_blank_lines_and_line_breaks_are_no_matter(data: st.DataObject) -> None:
    text = reformatted(program(), data)
    compile(text, "train.py", "exec")
    assert rules(lint_text(text)) == EXPECTED, text


def reformatted(text: str, data: st.DataObject) -> str:
    """Lines broken within brackets as formatters do, comments and blank lines between statements."""
    lines: list[str] = []
    depth = 0
    breaks = iter(data.draw(st.lists(st.booleans(), min_size=400, max_size=400)))
    for line in text.splitlines():
        if line.strip() and next(breaks):
            indent = line[: len(line) - len(line.lstrip())]
            lines += ["", f"{indent}# optimizer.zero_grad(), model.eval(), torch.no_grad()"]
        written = ""
        for token in tokens_of(line):
            depth += (token in "([{") - (token in ")]}")
            breakable = token in "([{," and depth > 0
            written += f"{token}  # then\n        " if breakable and next(breaks) else token
        lines.append(written)
    return "\n".join(lines) + "\n"


def tokens_of(line: str) -> list[str]:
    """The tokens of one line, each with the blanks before it."""
    found, end = [], 0
    for token in tokenize.generate_tokens(io.StringIO(line + "\n").readline):
        if token.type in (
            tokenize.INDENT,
            tokenize.NEWLINE,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
            tokenize.NL,
        ):
            continue
        if token.start[1] > end:
            found.append(line[end : token.start[1]])
        found.append(token.string)
        end = token.end[1]
    return found


# The worst of texts

TRAINING = """
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""
HEAD = """import torch
from torch import nn

model = nn.Linear(8, 4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
"""


def test_a_file_of_ten_thousand_lines_is_read_within_the_budget_and_its_training_found(
    tmp_path: Path,
) -> None:
    function = "\ndef part_{0}(rows):\n    kept = [row * {0} for row in rows]\n    torch.load(rows)\n    return sum(kept)\n"
    text = HEAD + TRAINING + "".join(map(function.format, range(2_000)))
    assert text.count("\n") > 10_000
    reading = read_files(tmp_path, train=text)
    assert len(reading.roots) > 1_000
    most = STEPS_PER_READING + STEPS_PER_ROOT + len(reading.roots) * STEPS_WHEN_SPENT
    assert reading.steps < min(most, 20 * text.count("\n"))
    assert rules(lint_text(text))["missing-zero-grad"] == 1


LAYERS = "\n".join(f"        self.l{n} = nn.Sequential(nn.Linear({n}, {n}), nn.ReLU())" for n in range(100))
NET = f"class Net{{0}}(nn.Module):\n    def __init__(self, size):\n        super().__init__()\n{LAYERS}\n"
FIT = "\ndef fit(loader, model=model):\n" + "".join(f"    {line}\n" for line in TRAINING.splitlines())


def test_a_zoo_of_models_ends_within_the_budget_and_does_not_hide_a_training_behind_it(
    tmp_path: Path,
) -> None:
    maker = "\ndef net_{0}():\n    return [Net{0}({0}), Net{0}({0}), Net{0}({0})]\n"
    zoo = HEAD + "".join((NET + maker).format(n) for n in range(40)) + FIT
    reading = read_files(tmp_path, zoo=zoo)
    steps, roots = reading.steps, len(reading.roots)
    assert steps > STEPS_OF_MAKING  # else this is no zoo
    assert steps < STEPS_OF_MAKING + STEPS_PER_ROOT + roots * (STEPS_WHEN_BRIEF + 2)
    assert rules(lint_text(zoo))["missing-zero-grad"] == 1


def test_a_training_that_goes_through_many_large_networks_is_read_to_its_end(tmp_path: Path) -> None:
    layers = "        sizes = [n + 1 for n in range(7)], (3 * 5 - 2, 4 * 5 - 2)\n" * 200
    net = "class Net{0}(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear(8, 8)\n"
    net += "    def forward(self, x):\n" + layers + "        return self.layer(x)\n"
    nets = "".join(map(net.format, range(12)))
    forwards = "".join(f"        x = net_{n}(x)\n" for n in range(12))
    makers = "".join(f"    net_{n} = Net{n}()\n" for n in range(12))
    loop = f"    for x, y in loader:\n{forwards}        loss = criterion(model(x), y)\n        loss.backward()\n        optimizer.step()\n"
    text = f"{HEAD}{nets}\ndef main():\n{makers}{loop}\nmain()\n"
    reading = read_files(tmp_path, train=text)
    assert STEPS_PER_ROOT < reading.steps < STEPS_OF_TRAINING
    assert rules(lint_text(text))["missing-zero-grad"] == 1


def test_an_experiment_is_read_to_its_training_however_long_its_data_takes(tmp_path: Path) -> None:
    """`main` calls an experiment, which calls what fits, which calls what goes backward: none of the first speaks of it."""
    columns = "".join(f"    table['c{n}'] = table['a'].shift({n}).fillna(0) - {n} * 2\n" for n in range(240))
    one_pass = "\ndef learn(batches):\n" + "".join(f"    {line}\n" for line in TRAINING.splitlines())
    one_pass = one_pass.replace("in loader", "in batches")
    fit = "\ndef fit(batches):\n    for _ in range(3):\n        learn(batches)\n"
    run = f"\ndef experiment(table):\n{columns}    fit(loader)\n"
    text = f"{HEAD}{one_pass}{fit}{run}\ndef main():\n    for place in ['a', 'b']:\n        experiment({{'a': place}})\n\nmain()\n"
    assert any(e.kind == "backward" for e in read_files(tmp_path, train=text).roots[0].events())
    assert rules(lint_text(text))["missing-zero-grad"] == 1


def test_functions_that_make_one_network_with_other_numbers_are_run_until_they_repeat(
    tmp_path: Path,
) -> None:
    makers = "".join(f"\ndef net_{n}():\n    return [Net({n}), Net({n}), Net({n})]\n" for n in range(200))
    other = "\nclass Other(nn.Module):\n    def __init__(self):\n        self.layers = [nn.Linear(1, 1)]\n"
    other += "    def forward(self, x):\n        return self.layers[0](x)\n"
    last = "\ndef last():\n    return [Net(1), Other()]\n"
    zoo = HEAD + NET.format("") + other + makers + last + FIT
    reading = read_files(tmp_path, zoo=zoo)
    steps, made = (
        reading.steps,
        {one.cls.node.name for one in reading.instances if isinstance(one.cls, Class)},
    )
    assert STEPS_BEFORE_REPEATS < steps < STEPS_BEFORE_REPEATS + 2 * STEPS_PER_ROOT
    assert made == {"Net", "Other"}  # `last` makes something new
    found = rules(lint_text(zoo))
    assert found["missing-zero-grad"] == found["unregistered-submodule"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "def make(n):\n    return nn.Sequential(make(n - 1), make(n - 1), make(n - 2))\nnet = make(9)\n",
        "def a(n):\n    return [b(n), b(n)]\ndef b(n):\n    return [a(n), a(n)]\nnet = a(3)\n",
        (
            "class Tree(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n"
            "        self.left, self.right = Tree(n - 1), Tree(n - 1)\nnet = Tree(12)\n"
        ),
        "make = lambda n, make: [make(n, make), make(n, make)]\nnet = make(5, make)\n",
        (
            "class A:\n    def __getattr__(self, name):\n        return getattr(self.inner, name)\n"
            "    @property\n    def inner(self):\n        return self.inner.inner\nnet = A().inner.x\n"
        ),
    ],
)
def test_factories_that_call_themselves_end(tmp_path: Path, text: str) -> None:
    reading = read_files(tmp_path, train=HEAD + text + TRAINING)
    assert reading.steps < STEPS_PER_ROOT / 4
    assert rules(lint_text(HEAD + text + TRAINING))["missing-zero-grad"] == 1


def test_what_a_file_runs_alone_is_not_run_by_who_imports_it(tmp_path: Path) -> None:
    net = """\
        from torch import nn


        class Net(nn.Module):
            def __init__(self, size=1):
                super().__init__()
                self.size = size


        if __name__ == "__main__":
            tried = Net(7)
        """
    train = "from net import Net\nmodel = Net(3)\n"
    reading = read_files(tmp_path, train=train, net=textwrap.dedent(net))
    sizes = [constant(made.attributes["size"]) for made in reading.instances if "size" in made.attributes]
    assert sizes == [3]


def test_files_that_import_each_other_are_each_read_once(tmp_path: Path) -> None:
    ring = {
        f"part_{n}": f"from part_{(n + 1) % 30} import *\nfrom part_{(n + 7) % 30} import net_{(n + 7) % 30}\n"
        f"import torch.nn as nn\ndef net_{n}():\n    return [net_{(n + 1) % 30}(), net_{(n + 7) % 30}()]\n"
        for n in range(30)
    }
    reading = read_files(tmp_path, train=f"from part_0 import net_0\n{HEAD}net = net_0()\n{TRAINING}", **ring)
    assert len(reading.units) == 31
    assert reading.steps < STEPS_PER_ROOT
    report = lint([tmp_path], Config(root=tmp_path, select=("ALL",)), BOOK, cwd=tmp_path, effort=HERE)
    assert rules(report)["missing-zero-grad"] == 1


def steps_of(folder: Path, text: str) -> int:
    return read_files(folder, train=HEAD + text).steps


def nested(depth: int, head: str) -> str:
    lines = [f"{'  ' * n}{head.format(n=n)}" for n in range(depth)]
    body = ("for x, y in loader:", "  model.eval()", "  model(x)", "  model.train()")
    return "\n".join([*lines, *("  " * depth + line for line in body)]) + "\n"


@pytest.mark.parametrize(
    "head", ["for i{n} in range(k):", "while go({n}):", "if flag({n}):", "with opened({n}):"]
)
def test_deep_nesting_costs_what_is_written(tmp_path: Path, head: str) -> None:
    shallow, deep = (steps_of(tmp_path, nested(depth, head)) for depth in (10, 40))
    assert shallow < deep < 5 * shallow


def test_modes_in_nested_loops_do_not_double_with_each_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    visited = Counter[str]()
    usual = modes._Walk.region

    def counted(self: modes._Walk, *arguments):
        visited["regions"] += 1
        return usual(self, *arguments)

    monkeypatch.setattr(modes._Walk, "region", counted)
    counts = []
    for depth in (8, 16):
        visited.clear()
        lint_text(HEAD + nested(depth, "for i{n} in range(k):"))
        counts.append(visited["regions"])
    assert 0 < counts[0] < counts[1] < 8 * counts[0]


@pytest.mark.parametrize(
    "step",
    [
        "if flag({n}):\n    value = turn(value, {n})\n",
        "value = one(value) if flag({n}) else two(value)\n",
        "value = value or other({n})\n",
        "if flag({n}):\n    model = wrap(model)\nelse:\n    model = nn.Sequential(model, nn.ReLU())\n",
        "try:\n    value = one(value)\nexcept ValueError:\n    value = two(value)\n",
        "while go({n}):\n    value = turn(value)\n    if flag({n}):\n        continue\n    value = turn(value)\n",
    ],
)
def test_paths_are_not_counted_out(tmp_path: Path, step: str) -> None:
    few, many = (
        steps_of(tmp_path, "value = 1\n" + "".join(step.format(n=n) for n in range(count)) + TRAINING)
        for count in (20, 160)
    )
    assert few < many < 10 * few


def test_elif_chains_cost_what_is_written(tmp_path: Path) -> None:
    def chain(count: int) -> str:
        return "if name == 0:\n    net = nn.Linear(1, 1)\n" + "".join(
            f"elif name == {n}:\n    net = nn.Linear({n}, {n})\n" for n in range(1, count)
        )

    few, many = (steps_of(tmp_path, chain(count)) for count in (20, 200))
    assert few < many < 12 * few


@pytest.mark.parametrize(
    "table",
    ["[" + "1, " * 60_000 + "]", "{" + ", ".join(f"'k{n}': ({n}, -{n}.5)" for n in range(20_000)) + "}"],
    ids=["list", "dictionary"],
)
def test_tables_of_numbers_do_not_use_up_the_budget(tmp_path: Path, table: str) -> None:
    assert steps_of(tmp_path, f"TABLE = {table}\n") < STEPS_PER_ROOT / 2
    assert rules(lint_text(f"{HEAD}TABLE = {table}\n{TRAINING}"))["missing-zero-grad"] == 1


def test_arguments_of_methods_are_paid_for_by_their_own_trace(tmp_path: Path) -> None:
    """A default or annotation that costs much ends its own trace, not the reading."""
    body = "".join(f"    x = helper(x, {n})\n" for n in range(20_000))
    text = f"{HEAD}def run(x=1):\n    torch.load(x)\n{body}class Late:\n    def train(self, x: list[model] = [1, 2]):\n        torch.load(x)\n"
    reading = read_files(tmp_path, train=text)
    assert reading.exhausted
    assert len(reading.roots) == 3


def test_a_constructor_comes_to_its_model_behind_long_preparations(tmp_path: Path) -> None:
    preparations = "\n".join(
        f"        self.size{i} = int(options.get('size{i}', {i}) + {i})" for i in range(90)
    )
    text = f"""
import torch
from torch import nn

class Work:
    def __init__(self, loader, options):
        self.loader = loader
{preparations}
        self.net = nn.Linear(4, 2)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

    def fit(self):
        for x, y in self.loader:
            nn.functional.cross_entropy(self.net(x), y).backward()
            self.optimizer.step()

def main(loader, options):
    Work(loader, options).fit()
"""
    assert "missing-zero-grad" in rules(lint_text(text))


def test_a_loop_over_what_wraps_itself_ends(tmp_path: Path) -> None:
    """What is iterated over is sorted again in a loop, and so made of itself."""
    text = f"{HEAD}from settings import found, keys\nfor key in keys:\n    found = sorted(found, key=lambda each: each[key])\nfor number in found:\n    print(number)\n{TRAINING}"
    assert rules(lint_text(text))["missing-zero-grad"] == 1


def test_parts_of_parts_that_a_recurrent_network_makes_end(tmp_path: Path) -> None:
    """Each step splits what the step before has joined: the rows that a state may hold grow four-fold."""
    step = "a, b, d, e = torch.split(x + h, 4, dim=1)\nc = a * c + b * d\nh = e * torch.tanh(c)\n"
    text = (
        f"{HEAD}from sklearn.preprocessing import StandardScaler\n"
        f"x = h = c = torch.tensor(StandardScaler().fit_transform(table))\n{step * 14}"
        f"train, test = h[:100], h[100:]\n{TRAINING}"
    )
    (tmp_path / "train.py").write_text(text)
    report = lint(
        [tmp_path], Config(select=("ALL",)), open_book(), cwd=tmp_path, effort=Effort(jobs=1, limit=20.0)
    )
    assert not report.failures


@pytest.mark.parametrize(("first", "columns"), [("price", True), (0, False)])
def test_a_key_that_a_loop_computes_from_itself_is_what_it_began_as(first: object, columns: bool) -> None:
    started: list[Value] = [Constant(first)]
    key = Choice(started, loop=True)
    key.options.append(Result(Member(key, "strip"), (), {}, None))
    assert names_columns(key) is columns


# What only a name says, in a notebook

STOPPED_BY_TEST = """\
import torch
from torch import nn

def fit(model, train_loader, test_loader, optimizer, patience=5):
    best, bad = float("inf"), 0
    for epoch in range(50):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        total, hits, seen = 0.0, 0, 0
        with torch.no_grad():
            for x, y in test_loader:
                scores = model(x)
                total += nn.functional.cross_entropy(scores, y).item()
                hits += (scores.argmax(1) == y).sum().item()
                seen += len(y)
        print(total, hits / seen)
        if total < best:
            best, bad = total, 0
        else:
            bad += 1
        if bad >= patience:
            break
"""


def test_a_parameters_name_says_nothing_in_a_notebook_that_never_calls_the_function() -> None:
    def found(text: str, name: str) -> int:
        return rules(lint_text(text, name))["test-set-selection"]

    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": STOPPED_BY_TEST,
        }
    ]
    notebook = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert found(STOPPED_BY_TEST, "train.py") == 1  # another file may call it
    assert found(notebook, "train.ipynb") == 0
