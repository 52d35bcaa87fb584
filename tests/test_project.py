"""Which files belong together and what imports what."""

from itertools import permutations
from pathlib import Path

import pytest

from trainlint import project as project_module
from trainlint.dependents import Dependents
from trainlint.discovery import Excludes
from trainlint.imports import Import, imports_in
from trainlint.project import Project, find_root
from trainlint.source import SourceError, source_from_text


def write(folder: Path, **files: str) -> None:
    """Files by name, `__` for a folder and `.py` where nothing else is said."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path if path.suffix else path.with_name(path.name + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


# Roots


def test_the_root_is_the_nearest_configuration_or_repository(tmp_path):
    tree(tmp_path, "repo/pkg/sub/a.py", "repo/other/b.py", "repo/plain/c.py")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / "pkg" / "trainlint.toml").write_text("")
    (tmp_path / "repo" / "other" / "pyproject.toml").write_text("[tool.trainlint]\nfail-on = 'error'\n")
    (tmp_path / "repo" / "plain" / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_root(tmp_path / "repo/pkg/sub/a.py") == tmp_path / "repo/pkg"
    assert find_root(tmp_path / "repo/other") == tmp_path / "repo/other"
    assert find_root(tmp_path / "repo/plain/c.py") == tmp_path / "repo"
    assert find_root(tmp_path / "repo/plain/c.py", [tmp_path]) == tmp_path / "repo"
    assert find_root(tmp_path / "repo/new/not_yet.py") == tmp_path / "repo"


def test_without_marks_the_root_holds_the_outermost_package_or_is_the_folder(tmp_path):
    tree(tmp_path, "work/pkg/__init__.py", "work/pkg/sub/__init__.py", "work/pkg/sub/a.py", "work/b.py")
    assert find_root(tmp_path / "work/pkg/sub/a.py") == tmp_path / "work"
    assert find_root(tmp_path / "work/b.py") == tmp_path / "work"
    around = [tmp_path / "work/pkg", tmp_path / "work", tmp_path / "elsewhere"]
    assert find_root(tmp_path / "work/x/c.py", around) == tmp_path / "work"


def test_a_home_is_no_project(tmp_path, monkeypatch):
    tree(tmp_path, "home/a.py", "home/scripts/b.py", "home/pkg/__init__.py", "home/pkg/c.py")
    home = tmp_path / "home"
    (home / ".git").mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert find_root(home / "scripts/b.py") == home / "scripts"
    assert find_root(home / "pkg/c.py") == home / "pkg"
    assert Project(find_root(home / "a.py"), tmp_path, given=(home / "a.py",)).files == (home / "a.py",)
    assert find_root(Path("/")) == Path("/")
    assert Project(Path("/"), tmp_path).files == ()


# Projects


def test_a_project_lists_its_files_and_those_given(tmp_path):
    tree(tmp_path, "repo/a.py", "repo/b.ipynb", "repo/venv/c.py", "repo/old/d.py", "elsewhere/e.py")
    root, given = tmp_path / "repo", tmp_path / "elsewhere/e.py"
    project = Project(root, root, Excludes(root, ("venv", "old")), (given, root / "old/d.py"))
    assert [project.display(file) for file in project.files] == [
        given.as_posix(),
        "a.py",
        "b.ipynb",
        "old/d.py",
    ]


@pytest.mark.parametrize(
    ("mark", "limit"),
    [
        ("trainlint.toml", "MOST_FILES"),
        ("trainlint.toml", "MOST_ENTRIES"),
        ("", "MOST_UNMARKED_FILES"),
        ("", "MOST_UNMARKED_ENTRIES"),
    ],
)
def test_too_large_a_folder_is_left_to_what_was_given_and_its_imports(tmp_path, monkeypatch, mark, limit):
    tree(tmp_path, *(f"m{number}.py" for number in range(5)))
    (tmp_path / "train.py").write_text("import m3\n")
    if mark:
        (tmp_path / mark).touch()
    monkeypatch.setattr(project_module, limit, 4)
    project = Project(tmp_path, tmp_path, given=(tmp_path / "train.py",))
    assert project.files == (tmp_path / "train.py",)
    assert project.resolve(tmp_path / "train.py", "m3") == tmp_path / "m3.py"
    assert project.imports(tmp_path / "train.py") == {tmp_path / "m3.py"}


def test_texts_and_words_and_calls_need_no_tree(tmp_path):
    write(
        tmp_path,
        train="import torch\nloss.backward()  # then step\ndef helper(x): pass\nclass Net(Module): pass\n",
    )
    (tmp_path / "bad.py").write_bytes(b"\xff")
    project = Project(tmp_path, tmp_path)
    file = tmp_path / "train.py"
    assert {"torch", "backward", "step", "helper"} <= project.words(file)
    assert project.calls(file) == {"backward"}
    assert project.text(tmp_path / "bad.py") is None
    assert project.words(tmp_path / "bad.py") == project.calls(tmp_path / "bad.py") == frozenset()
    assert project.imports(tmp_path / "bad.py") == frozenset()
    for _ in range(2):
        with pytest.raises(SourceError):
            project.source(tmp_path / "bad.py")
    assert project.source(file) is project.source(file)


def test_an_overlay_takes_the_place_of_a_file(tmp_path):
    tree(tmp_path, "model.py", "train.py")
    project = Project(tmp_path, tmp_path)
    file, new, train = tmp_path / "model.py", tmp_path / "new.py", tmp_path / "train.py"
    assert project.dependents([file]) == {file}
    project.overlay(train, source_from_text("import model, new\nrun()\n", "train.py"))
    project.overlay(new, source_from_text("x = 1\n", "new.py"))
    assert project.calls(train) == {"run"}
    assert project.dependents([file]) == {file, train}
    assert project.dependents([new]) == {new, train}
    assert new in project.files
    late = tmp_path / "late.py"
    project.overlay(train, source_from_text("import late\n", "train.py"))
    assert project.imports(train) == frozenset()
    project.overlay(late, source_from_text("x = 1\n", "late.py"))
    assert project.imports(train) == {late}


# Imports


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a", [Import("a")]),
        ("import a.b as c, d", [Import("a.b"), Import("d")]),
        ("import a, \\\n  b  # c, d", [Import("a"), Import("b")]),
        ("from a.b import c", [Import("a.b", 0, ("c",))]),
        ("from . import c, d as e", [Import("", 1, ("c", "d"))]),
        ("from .import c", [Import("", 1, ("c",))]),
        ("from ... import c", [Import("", 3, ("c",))]),
        ("from ..a import (\n  b,  # why, not\n  c as d,\n)\n", [Import("a", 2, ("b", "c"))]),
        ("from a \\\n  import b", [Import("a", 0, ("b",))]),
        ("from a import *", [Import("a", 0, ())]),
        ("def f():\n    from a import b", [Import("a", 0, ("b",))]),
        ("try: import a\nexcept E: import b", [Import("a"), Import("b")]),
        ("x = 1; import a; y = 2", [Import("a")]),
        ("import a\r\nfrom b import c\r\n", [Import("a"), Import("b", 0, ("c",))]),
        ("important = 1\nreimport(a)\nx.imports = 2\n", []),
        ("# import a\n# we import b\n", []),
    ],
)
def test_imports_are_read_from_the_text(text, expected):
    assert list(imports_in(text)) == expected


def resolving(folder: Path, importer: str, dotted: str, level: int = 0) -> str | None:
    module = Project(folder, folder).resolve(folder / importer, dotted, level)
    return module.relative_to(folder).as_posix() if module else None


def test_modules_are_found_where_python_or_a_reader_would(tmp_path):
    tree(
        tmp_path,
        "train.py",
        "utils.py",
        "pkg/__init__.py",
        "pkg/model.py",
        "pkg/sub/__init__.py",
        "pkg/sub/net.py",
    )
    tree(
        tmp_path,
        "src/lib/__init__.py",
        "src/lib/data.py",
        "projects/one/run.py",
        "projects/one/utils.py",
        "ns/deep/m.py",
        "apps/life/python/lifelib/__init__.py",
        "apps/life/python/lifelib/model.py",
        "apps/life/examples/run.py",
        "detect/lib/core/loop.py",
        "detect/tools/train.py",
    )
    assert resolving(tmp_path, "train.py", "utils") == "utils.py"
    assert resolving(tmp_path, "train.py", "pkg") == "pkg/__init__.py"
    assert resolving(tmp_path, "train.py", "pkg.sub.net") == "pkg/sub/net.py"
    assert resolving(tmp_path, "train.py", "lib.data") == "src/lib/data.py"
    assert resolving(tmp_path, "train.py", "ns.deep.m") == "ns/deep/m.py"
    assert resolving(tmp_path, "projects/one/run.py", "utils") == "projects/one/utils.py"
    assert resolving(tmp_path, "projects/one/run.py", "pkg.model") == "pkg/model.py"
    assert resolving(tmp_path, "pkg/sub/net.py", "pkg.model") == "pkg/model.py"
    assert resolving(tmp_path, "pkg/sub/net.py", "model") == "pkg/model.py"
    assert (
        resolving(tmp_path, "apps/life/examples/run.py", "lifelib.model")
        == "apps/life/python/lifelib/model.py"
    )
    assert resolving(tmp_path, "detect/tools/train.py", "core.loop") == "detect/lib/core/loop.py"
    assert resolving(tmp_path, "train.py", "lifelib.model") is None
    assert resolving(tmp_path, "train.py", "torch.nn") is None
    assert resolving(tmp_path, "train.py", "pkg.model.Net") is None
    assert resolving(tmp_path, "train.py", "") is None


def test_relative_imports_count_their_dots(tmp_path):
    tree(
        tmp_path,
        "pkg/__init__.py",
        "pkg/model.py",
        "pkg/sub/__init__.py",
        "pkg/sub/net.py",
        "pkg/sub/part.py",
    )
    assert resolving(tmp_path, "pkg/sub/net.py", "part", 1) == "pkg/sub/part.py"
    assert resolving(tmp_path, "pkg/sub/net.py", "", 1) == "pkg/sub/__init__.py"
    assert resolving(tmp_path, "pkg/sub/net.py", "model", 2) == "pkg/model.py"
    assert resolving(tmp_path, "pkg/sub/__init__.py", "net", 1) == "pkg/sub/net.py"
    assert resolving(tmp_path, "pkg/sub/net.py", "a.b", 40) is None


def test_a_file_is_not_its_own_import_and_does_not_hide_pythons(tmp_path):
    tree(
        tmp_path,
        "torch.py",
        "pkg/__init__.py",
        "pkg/types.py",
        "pkg/a.py",
        "scripts/random.py",
        "scripts/b.py",
    )
    assert resolving(tmp_path, "torch.py", "torch") is None
    assert resolving(tmp_path, "pkg/a.py", "types") is None
    assert resolving(tmp_path, "pkg/a.py", "types", 1) == "pkg/types.py"
    assert resolving(tmp_path, "scripts/b.py", "random") == "scripts/random.py"


def test_a_part_of_a_package_does_not_hide_the_library_of_its_name(tmp_path):
    tree(
        tmp_path,
        "pkg/__init__.py",
        "pkg/nn.py",
        "pkg/torch/__init__.py",
        "pkg/torch/net.py",
        "pkg/torch/parts/__init__.py",
        "pkg/torch/parts/layer.py",
        "scripts/numpy.py",
        "scripts/b.py",
    )
    assert resolving(tmp_path, "pkg/nn.py", "torch") is None
    assert resolving(tmp_path, "pkg/torch/parts/layer.py", "torch") is None
    assert resolving(tmp_path, "pkg/torch/net.py", "torch.nn") is None
    assert resolving(tmp_path, "pkg/torch/net.py", "pkg.torch.parts.layer") == "pkg/torch/parts/layer.py"
    assert resolving(tmp_path, "pkg/nn.py", "torch.net", 1) == "pkg/torch/net.py"
    assert resolving(tmp_path, "scripts/b.py", "numpy") == "scripts/numpy.py"


def test_the_other_file_of_a_name_is_asked_for_what_the_likeliest_lacks(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "helpers.py").write_text("def score(): ...\nSHARED = 1\n")
    (tmp_path / "studies" / "helpers.py").write_text("SHARED = 2\n")
    script = tmp_path / "studies" / "train.py"
    script.write_text("from helpers import SHARED, score\n")
    project = Project(tmp_path, tmp_path)
    assert project.resolve(script, "helpers") == tmp_path / "studies" / "helpers.py"
    assert project.rival(script, "helpers", ["SHARED"]) is None
    assert project.rival(script, "helpers", ["SHARED", "score"]) == tmp_path / "helpers.py"
    assert project.rival(script, "helpers", ["nowhere"]) is None
    assert tmp_path / "helpers.py" in project.imports(script)


def test_importers_are_found_through_chains_and_cycles(tmp_path):
    write(tmp_path, pkg____init__="", pkg__base="", other="import pkg\n")
    (tmp_path / "pkg" / "__init__.py").write_text("")
    write(
        tmp_path, pkg__model="from . import base\n", pkg__data="from pkg.model import Net\nimport pkg.loop\n"
    )
    write(
        tmp_path,
        pkg__loop="from . import data\n",
        train="def run():\n    from pkg.data import (\n        a,\n    )\n",
    )
    project = Project(tmp_path, tmp_path)

    def dependents(*names: str) -> set[str]:
        return {project.display(file) for file in project.dependents(tmp_path / name for name in names)}

    assert dependents("train.py") == {"train.py"}
    assert dependents("pkg/loop.py") == {"pkg/loop.py", "pkg/data.py", "train.py"}
    assert dependents("pkg/base.py") == {
        "pkg/base.py",
        "pkg/model.py",
        "pkg/data.py",
        "pkg/loop.py",
        "train.py",
    }
    assert "other.py" in dependents("pkg/__init__.py")


def test_notebooks_import_modules(tmp_path):
    tree(tmp_path, "model.py")
    (tmp_path / "train.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "source": ["%load_ext x\\n", "from model import Net"]}]}'
    )
    project = Project(tmp_path, tmp_path)
    assert project.dependents([tmp_path / "model.py"]) == {tmp_path / "model.py", tmp_path / "train.ipynb"}


def test_dependents_are_those_of_every_path_of_imports() -> None:
    """Whichever file is asked about first: what is known of others is used."""
    a, b, c, d, e = (Path(name) for name in "abcde")
    importers = {a: [b, c], b: [c], c: [b, d], e: [e]}
    everything = {a: {a, b, c, d}, b: {b, c, d}, c: {b, c, d}, d: {d}, e: {e}}
    for order in permutations(everything):
        asked = Dependents(importers)
        assert {file: set(asked.paths(asked.of(file))) for file in order} == everything
