"""Who may run whose code, as texts tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import write
from trainlint.callers import Callers, outline
from trainlint.project import Project

ENGINE = (
    "import torch\n\n\ndef train(model):\n    model.backward()\n\n\nclass Trainer:\n    def fit(self): ...\n"
)


def callers(folder: Path, name: str = "engine.py") -> list[str]:
    project = Project(folder, folder)
    file = folder / name
    return sorted(
        found.relative_to(folder).as_posix() for found in Callers(project, frozenset([file])).of([file])
    )


@pytest.mark.parametrize(
    "main",
    [
        "from engine import train\ntrain(1)\n",
        "import engine\nengine.train(1)\n",
        "import engine as e\ne.Trainer().fit()\n",
        "from engine import (\n    other,\n    train as t,\n)\nt(1)\n",
        "from engine import *\ntrain(1)\n",
        "if True:\n    from engine import Trainer\n    Trainer()\n",
        "import engine\n\n@engine.train\ndef f(): ...\n",
    ],
)
def test_a_file_that_mentions_a_name_is_a_caller(tmp_path: Path, main: str) -> None:
    write(tmp_path, engine=ENGINE, main=main, other="x = 1\n")
    assert callers(tmp_path) == ["engine.py", "main.py"]


def test_a_file_that_only_imports_something_else_is_none(tmp_path: Path) -> None:
    write(tmp_path, engine=ENGINE + "\nDEVICE = 3\n", main="import engine\nprint(1)\n")
    assert callers(tmp_path) == ["engine.py"]


@pytest.mark.parametrize(
    "between",
    [
        "from engine import train\n",
        "from engine import *\n",
        "from engine import Trainer as train\n",
        "import engine\n\ndef train():\n    return engine.Trainer()\n",
        "from engine import Trainer\nhidden = Trainer\ntrain = hidden()\n",
        "import engine\nimport functools\n\n@functools.cache\n@engine.train\ndef train(): ...\n",
        "try:\n    from engine import train\nexcept ImportError:\n    train = None\n",
        "from engine import Trainer\ntrain = None\n\ndef set_up():\n    global train\n    train = Trainer()\n",
    ],
)
def test_names_pass_from_file_to_file(tmp_path: Path, between: str) -> None:
    write(tmp_path, engine=ENGINE, between=between, main="from between import train\ntrain.fit()\n")
    write(tmp_path, unrelated="from between import nothing\nnothing()\n")
    found = callers(tmp_path)
    assert "main.py" in found
    assert "unrelated.py" not in found


def test_a_package_gives_access_to_its_modules(tmp_path: Path) -> None:
    write(tmp_path, package__engine=ENGINE)
    (tmp_path / "package" / "__init__.py").write_text("from .engine import other\n")
    write(
        tmp_path,
        main="import package\npackage.engine.train(1)\n",
        unrelated="import package\npackage.other()\n",
    )
    assert callers(tmp_path, "package/engine.py") == ["main.py", "package/engine.py"]


def test_text_in_long_strings_is_no_statement(tmp_path: Path) -> None:
    text = 'def f():\n    """\nimport this\nclass Not:\n    """\n    return engine.train\n\n\nx = 1\n'
    sections = outline(text).sections
    assert [sorted(section.binds) for section in sections] == [["f"], ["x"]]
    assert "engine" in sections[0].words
