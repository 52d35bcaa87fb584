"""Scripts that `--save-repro` writes: they run by themselves, elsewhere, and say what was said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.programs import LOOP, NET, needs_torch
from trainlint.book import open_book
from trainlint.cli import main
from trainlint.diagnostic import Diagnostic, Location
from trainlint.verify import repro

ALONE = "import torch\nmodel = torch.nn.Linear(8, 3)\n" + LOOP
BESIDE = "import torch\nfrom net import Net\nmodel = Net()\n" + LOOP


def by_itself(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an empty folder, with nothing of the linter's to be had but what is in it."""
    elsewhere = script.parent.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    code = "import runpy, sys; sys.modules['libcst'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(script), *arguments],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        env=known,
        check=False,
    )
    assert not list(elsewhere.iterdir())
    return done


@needs_torch
def test_a_script_runs_by_itself_and_says_what_was_said(tmp_path: Path, monkeypatch, capsys) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    for name, text in (("alone.py", ALONE), ("beside.py", BESIDE), ("net.py", NET), (".git", "")):
        Path(name).write_text(text)
    code = main(["verify", "--select", "missing-zero-grad", "--save-repro", "../scripts", "--no-cache"])
    told = capsys.readouterr()
    assert code == 1 and "wrote 2 scripts to ../scripts" in told.err
    lines = [line.partition("= ")[2] for line in told.out.splitlines() if "= confirmed" in line]
    first, second = (line.rpartition(" (cpu")[0] for line in lines)
    scripts = tmp_path / "scripts"
    assert {file.name for file in scripts.iterdir()} == {
        "missing_zero_grad_alone_8.py",
        "missing_zero_grad_beside_9.py",
    }
    alone = by_itself(scripts / "missing_zero_grad_alone_8.py")
    assert (alone.returncode, alone.stdout.splitlines()[0]) == (0, first), alone.stderr
    assert "  updates: 8" in alone.stdout

    project.rename(tmp_path / "moved")  # where it lay when it was verified is of no matter
    beside = scripts / "missing_zero_grad_beside_9.py"
    assert "PROJECT" in beside.read_text().partition('"""\n')[0]
    assert by_itself(beside).returncode == 2
    again = by_itself(beside, str(tmp_path / "moved"))
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, second), again.stderr


def test_every_symptom_can_be_judged_without_the_linter(tmp_path: Path) -> None:
    pages = [page for page in open_book().pages if page.rule.symptom is not None]
    for name, text in repro._files(pages[0]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code = (
        "import runpy, sys; sys.path.insert(0, '.'); sys.modules['libcst'] = None\n"
        "import trainlint.verify.again\n"
        "assert all(runpy.run_path(file)['rule'].symptom for file in sys.argv[1:])"
    )
    files = [str(page.file) for page in pages]
    subprocess.run([sys.executable, "-I", "-c", code, *files], cwd=tmp_path, check=True)


@given(st.text(alphabet=st.sampled_from("a'\"\\\n\r\t {}é\x00\x0c\u2028\ud800"), max_size=12))
def test_programs_stand_in_a_script_as_they_are(text: str) -> None:
    assert eval(repro._literal(text) or "''") == text


@given(st.text(max_size=20))
def test_what_was_said_cannot_end_a_docstring(text: str) -> None:
    compile(f'"""{repro._plain(text)} """', "script", "exec")


def test_scripts_have_names_that_tell_them_apart() -> None:
    taken: set[str] = set()

    def name(path: str, cell: int | None = None) -> str:
        where = Location(path, 3, 1, 3, 2, 0, 1, cell)
        return repro.script_name(Diagnostic("missing-zero-grad", "update", "error", "m", where), taken)

    assert name("a/train-it.py") == "missing_zero_grad_train_it_3.py"
    assert name("b/train it.py") == "missing_zero_grad_train_it_3_2.py"
    assert name("nb.ipynb", 4) == "missing_zero_grad_nb_cell4_3.py"


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("x = 1\n")
    Path("taken").write_text("")
    assert main(["verify", "--save-repro", "taken"]) == 2
    assert capsys.readouterr().err == "trainlint: --save-repro taken: File exists\n"
