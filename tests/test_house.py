"""The promises of the house that no other tool checks: what is imported, packaged, documented and committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainlint.book import open_book
from trainlint.page import Page

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RULES = sorted(file for file in (ROOT / "rules").glob("*/*.py") if file.name != "__init__.py")
PAGES = tuple(page for page in open_book().pages if page.family != "machine")


def loaded_after(code: str) -> set[str]:
    """The top-level names and trainlint's modules that a fresh interpreter has loaded after the code ran."""
    program = f"import sys\n{code}\nprint('loaded', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def cli(*arguments: str) -> str:
    return f"""
from trainlint.cli import main
try:
    main({list(arguments)!r})
except SystemExit:
    pass
"""


@pytest.mark.parametrize(
    "arguments", [("rules",), ("rule", "missing-zero-grad"), ("--help",), ("--version",)]
)
def test_what_needs_no_tree_imports_neither_libcst_nor_torch(arguments: tuple[str, ...]) -> None:
    assert not loaded_after(cli(*arguments)) & {"libcst", "torch", "trainlint.source"}


def test_linting_never_imports_torch(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import torch\n"
        "model = torch.nn.Linear(2, 2)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for x in torch.randn(8, 4, 2):\n"
        "    model(x).sum().backward()\n"
        "    optimizer.step()\n"
    )
    loaded = loaded_after(cli("--isolated", "--jobs", "1", str(tmp_path)))
    assert "torch" not in loaded
    assert "trainlint.meaning.program" in loaded  # it did look


def test_the_name_of_every_file_is_the_name_of_its_rule() -> None:
    assert {page.name for page in PAGES} == {file.stem.replace("_", "-") for file in RULES}


def imported_by(file: Path) -> set[str]:
    """Everything that a file imports anywhere, the standard library left out."""
    imported = set[str]()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            imported.update(name.name for name in node.names)
    return {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_a_rule_imports_the_face_and_the_standard_library_only(file: Path) -> None:
    assert imported_by(file) <= {"trainlint"}


def test_libcst_stays_in_its_rooms_and_torch_in_the_sandbox() -> None:
    """Annotations count too, so that a room without LibCST can be read without knowing it."""
    rooms = {"trainlint/source.py", "trainlint/parsing.py", "trainlint/spans.py", "trainlint/meaning"}
    for file in (ROOT / "trainlint").rglob("*.py"):
        name = file.relative_to(ROOT).as_posix()
        imported = {module.split(".")[0] for module in imported_by(file)}
        assert "libcst" not in imported or any(name.startswith(room) for room in rooms), name
        assert "torch" not in imported or name.startswith("trainlint/verify/child"), name


def test_the_sandbox_knows_nothing_of_trainlint() -> None:
    for file in (ROOT / "trainlint" / "verify" / "child").rglob("*.py"):
        strangers = {name for name in imported_by(file) if name.startswith("trainlint")}
        assert {name for name in strangers if not name.startswith("trainlint.verify.child")} == set(), (
            file.name
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_what_a_newcomer_needs(page: Page) -> None:
    headings = [section.heading.lower() for section in page.sections]
    assert page.title.endswith(".")
    assert len(page.title) <= 110
    assert {example.kind for example in page.examples} == {"bad", "good"}
    for wanted in ("fine", "fix", "sources"):
        assert any(wanted in heading for heading in headings), f"no section about `{wanted}` in {headings}"
    assert "lint-todo" not in page.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_threshold_is_documented_and_sourced(page: Page) -> None:
    for name, option in page.rule.options.items():
        assert option.help and option.source, f"option {name} needs a help text and a source"
        assert name in page.text, f"option {name} is not on the page"


def test_every_family_is_packaged_and_every_package_listed() -> None:
    machine = {file.parent for file in (ROOT / "trainlint").rglob("*.py")}
    book = {ROOT / "rules", *(file.parent for file in RULES)}
    folders = {".".join(folder.relative_to(ROOT).parts) for folder in machine}
    folders |= {".".join(("trainlint", *folder.relative_to(ROOT).parts)) for folder in book}
    assert folders <= set(PROJECT["tool"]["setuptools"]["packages"])  # listed ones may still be empty


def test_cases_belong_to_rules() -> None:
    names = {page.name for page in open_book().pages}
    assert {file.stem for file in (ROOT / "tests" / "cases").glob("*.md")} <= names


def test_nothing_committed_names_a_machine() -> None:
    machine_paths = re.compile(r"/(?:work|root|home/\w+|Users/\w+|opt/(?:wheels|pypi))/")
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False)
    if listed.returncode:
        pytest.skip("reason: not a git checkout")
    found = [
        f"{name}: {match[0]}"
        for name in filter(None, listed.stdout.split("\0"))
        if name != "tests/test_house.py" and (ROOT / name).is_file()
        for match in machine_paths.finditer((ROOT / name).read_bytes().decode("utf-8", "replace"))
    ]
    assert not found


def test_every_case_says_whether_it_is_good_or_bad():
    """An example without a kind would be read by nobody."""
    cases = sorted((ROOT / "tests" / "cases").glob("*.md"))
    assert cases
    assert not [file.name for file in cases if "```python\n" in file.read_text(encoding="utf-8")]
