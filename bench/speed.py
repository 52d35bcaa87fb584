"""How fast trainlint is against what it cannot do without: `libcst.parse_module` on the files it must parse.

    python bench/speed.py [FOLDER] [--rounds N]

FOLDER defaults to a copy of the installed `torch/optim`, on its own: inside torch the linter would read half of torch,
because `import torch` leads there. Everything is paired and alternates: each round lints
the folder in this process (no workers, nothing kept between rounds) and then only parses the very texts that the
linter parsed, both in seconds of the processor. A file that is no Python is left out of both, and named on stderr.
The second part starts fresh processes: `trainlint` on one file of 500 lines against `python -c "import libcst"`,
both from bytecode, as an installation has it. Printed are medians and the ratios of each pair.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import libcst

from trainlint.book import open_book
from trainlint.config import Config
from trainlint.lint import Effort, lint
from trainlint.source import SourceError, read_source

GITIGNORE_SIGN = re.compile(r"[*?[\\]")
EPOCH = """
for images, kinds in loader:
    loss = criterion(model(images), kinds)
    loss.backward()
    optimizer.step()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="what to lint (default: the installed torch/optim)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report_linting(arguments.folder or copy_of_optim(Path(scratch)), arguments.rounds)
    report_start(arguments.rounds)


def copy_of_optim(scratch: Path) -> Path:
    spec = find_spec("torch")  # finds the folder; imports nothing
    if spec is None or spec.origin is None:
        raise SystemExit("torch is not installed: give a folder")
    return shutil.copytree(Path(spec.origin).parent / "optim", scratch / "optim")


# Linting against parsing


def report_linting(folder: Path, rounds: int) -> None:
    with parsed_texts() as (texts, refused):
        lint_once(folder)  # also warms imports, compiled patterns and the system's file cache, for both sides
    broken = tuple(broken_files(folder)) if refused else ()
    if broken:
        print(*(f"left out, a syntax error: {name}" for name in broken), sep="\n", file=sys.stderr)
        with parsed_texts() as (texts, _):  # what only a broken file imports is not parsed now
            lint_once(folder, broken)
    linted, parsed = [], []
    for _ in range(rounds):
        linted.append(processor_seconds(lambda: lint_once(folder, broken)))
        parsed.append(processor_seconds(lambda: parse_all(texts)))
    lines = sum(text.count("\n") for text in texts)
    everything = sum(file.read_bytes().count(b"\n") for file in folder.rglob("*.py"))
    print(f"{folder.name}: {everything} lines, of which {lines} in {len(texts)} files must be parsed")
    print_pair("trainlint", linted, "libcst.parse_module", parsed)


def lint_once(folder: Path, broken: tuple[str, ...] = ()) -> None:
    exclude = tuple("/" + GITIGNORE_SIGN.sub(r"\\\g<0>", name) for name in broken)
    lint([folder], Config(root=folder, exclude=exclude), open_book(), effort=Effort(jobs=0))


def broken_files(folder: Path) -> Iterator[str]:
    """The Python files, relative to the folder, that can be read and not parsed."""
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder).as_posix()
        try:
            source = read_source(file, name)
        except SourceError:
            continue  # the linter does not get to parsing it either
        try:
            _ = source.tree
        except SourceError:
            yield name


def parse_all(texts: list[str]) -> None:
    for text in texts:
        libcst.parse_module(text)


@contextmanager
def parsed_texts() -> Iterator[tuple[list[str], list[str]]]:
    """The texts that are parsed inside the `with` block, and those that LibCST refuses there."""
    texts: list[str] = []
    refused: list[str] = []
    parse = libcst.parse_module

    def noting(source: str | bytes, *arguments: object) -> object:
        text = source if isinstance(source, str) else source.decode()
        try:
            tree = parse(source, *arguments)  # type: ignore[arg-type]
        except BaseException:
            refused.append(text)
            raise
        texts.append(text)
        return tree

    libcst.parse_module = noting  # type: ignore[assignment]
    try:
        yield texts, refused
    finally:
        libcst.parse_module = parse


# Starting


def report_start(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.py"
        file.write_text(script_of_500_lines())
        ours = [sys.executable, "-m", "trainlint", "--isolated", str(file)]
        theirs = [sys.executable, "-c", "import libcst"]
        first, second = [], []
        with bytecode_in(Path(folder) / "bytecode"):
            run(ours, 1)  # compiles
            run(theirs, 0)
            for _ in range(rounds):
                first.append(seconds(lambda: run(ours, 1)))
                second.append(seconds(lambda: run(theirs, 0)))
    print("start-up to the findings in one file of 500 lines")
    print_pair("trainlint FILE", first, "import libcst", second)


@contextmanager
def bytecode_in(folder: Path) -> Iterator[None]:
    """An installer compiles what it installs; a checkout, or an environment that forbids it, may not be."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def script_of_500_lines() -> str:
    head = """import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.randint(4, (64,))), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    functions = (
        f"""
def describe_{number}(rows, scale=1.0):
    kept = [row * scale for row in rows if row is not None]
    if not kept:
        return {{"count": 0, "mean": None}}
    total = sum(kept)
    return {{"count": len(kept), "mean": total / len(kept), "name": "part {number}"}}

"""
        for number in range(60)
    )
    text = head + "".join(functions) + EPOCH
    return text + "# end\n" * (500 - text.count("\n"))


def run(command: list[str], code: int) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")


# Both


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor_seconds(work: Callable[[], None]) -> float:
    """Others may use the machine too. What the work before has left is cleared away first: it is not this one's."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def print_pair(name: str, ours: list[float], other: str, theirs: list[float]) -> None:
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"  {name}: {median(ours):.3f} s   {other}: {median(theirs):.3f} s")
    print(
        f"  ratio: {median(ratios):.2f} (median of {len(ratios)} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f})\n"
    )


if __name__ == "__main__":
    main()
