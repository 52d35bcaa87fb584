"""A verdict as a script that a person can run: both programs to read, and what runs and judges them packed at its end.

The script needs Python and PyTorch and nothing else. What it packs is the sandbox, the judge and the rule as they are here, so
that it measures what trainlint measured.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trainlint
from trainlint.diagnostic import Diagnostic
from trainlint.verify.again import PROJECT
from trainlint.verify.experiment import Plan, Trial

if TYPE_CHECKING:
    from trainlint.page import Page
    from trainlint.verify.case import Case
    from trainlint.verify.place import Home

PACKED = ("records.py", "diagnostic.py", "rule.py", "run.py", "verify/again.py", "verify/judge.py",
          "verify/sandbox.py", "verify/interpreter.py")  # fmt: skip
FACE = '''\
"""What rules import of trainlint, as far as a symptom needs it."""
from trainlint.rule import Finding, Needs, Option, Options, Rule
from trainlint.run import Effect, Event, Run, Runs, gradient_norm

__version__ = "{version}"


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {{}})  # what only the finding of defects uses
'''
SCRIPT = '''\
"""{title}

    python {name}{usage}

runs what this was found in and says what that shows. It needs Python 3.10 or later with PyTorch{needed}.
Made by trainlint {version}, which had measured:

    {verdict}

WRITTEN is cut out of the file as it stands there, CONTROL is the same with the edit that is compared with{planted}.
They run in a sandbox, as `trainlint verify` runs them; it is packed at the end of this file, with the rule that judges.
"""

import argparse
import base64
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

{programs}
REQUESTS = json.loads({requests})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
{argument}    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run where nothing holds the code back")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(base64.b85decode(PACKED.replace("\\n", "")))).extractall(folder)
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        from trainlint.verify.again import lines_of, run_again
        from trainlint.verify.interpreter import VerifyError
        from trainlint.verify.sandbox import Sandbox

        from rule_of_the_finding import rule

        empty = Path(folder) / "project"
        empty.mkdir()
        project = {project}
        try:
            with Sandbox(sys.executable, unsafe=arguments.unsafe_no_sandbox) as sandbox:
                verdict = run_again(PROGRAMS, REQUESTS, rule, project, sandbox)
        except VerifyError as error:
            sys.exit(f"{{parser.prog}}: {{error}}")
    print("\\n".join(lines_of(verdict)))
    return verdict.state != {state!r}


PACKED = """
{packed}
"""

if __name__ == "__main__":
    sys.exit(main())
'''


def script_name(said: Diagnostic, taken: set[str]) -> str:
    """`missing_zero_grad_train_31.py`, with a number where that is taken."""
    where = said.where
    stem = re.sub(r"\W+", "_", Path(where.path).stem)
    cell = f"_cell{where.cell}" if where.cell is not None else ""
    plain = f"{said.name.replace('-', '_')}_{stem}{cell}_{where.line}"
    name, number = f"{plain}.py", 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}.py"
    taken.add(name)
    return name


def script(said: Diagnostic, trial: Trial, plan: Plan, page: Page, name: str) -> str:
    """The text of a script for a finding whose programs ran."""
    written = trial.arms["written"]
    needs_project = needs_the_project(written) or bool(trial.arms.get("control", written).overlay)
    where = said.where
    cell = f"cell {where.cell}, " if where.cell is not None else ""
    verdict = trial.verdict
    argument = '    parser.add_argument("project", type=Path, help="the folder of the project")\n'
    return SCRIPT.format(
        title=_plain(f"{said.name} in {where.path}, {cell}line {where.line}: {said.message}"),
        name=name,
        usage=" PROJECT" if needs_project else "",
        needed=", and the folder of the\nproject that the file lies in, whose modules it imports" if needs_project else "",
        version=trainlint.__version__,
        verdict=_plain(f"{verdict.state}: {verdict.evidence or verdict.reason}"),
        planted=",\nand PLANTED the same with the defect put in" if "planted" in trial.arms else "",
        programs="\n".join(_programs(trial)),
        requests=_literal(json.dumps(_requests(trial, plan, page), indent=1, sort_keys=True)),
        argument=argument if needs_project else "",
        project="arguments.project.resolve()" if needs_project else "empty",
        state=verdict.state,
        packed="\n".join(_packed(page)),
    )  # fmt: skip


def needs_the_project(case: Case) -> bool:
    """Whether a program imports modules that lie beside it."""
    for node in ast.walk(ast.parse(case.program)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            if node.level:
                return True
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        if any(_lies_there(name.partition(".")[0], case.home) for name in names):
            return True
    return False


def _lies_there(name: str, home: Home) -> bool:
    places = [Path(folder) / name for folder in home.search]
    return any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)


def _programs(trial: Trial) -> Iterator[str]:
    for name, case in trial.arms.items():
        yield f"{name.upper()} = {_literal(case.program)}\n"
    yield f"PROGRAMS = {{{', '.join(f'{name!r}: {name.upper()}' for name in trial.arms)}}}\n"


def _literal(text: str) -> str:
    """A string that can be read, where its characters allow it."""
    odd = (
        "'''" in text
        or text.endswith(("'", "\\"))
        or re.search(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\uffff]", text)
    )
    if odd:
        return "(\n" + "".join(f"    {line!a}\n" for line in text.splitlines(keepends=True)) + ")"
    return f"r'''{text}'''"


def _requests(trial: Trial, plan: Plan, page: Page) -> Mapping[str, Any]:
    """What is asked of the sandbox, less programs and seeds, and wherever the project lies."""
    asked = trial.requests(page.rule, plan)
    seeds = [request["seed"] for request in asked["written"]]
    root = trial.arms["written"].home.root
    return {"seeds": seeds, **{name: _anywhere(requests[0], root) for name, requests in asked.items()}}


def _anywhere(request: Mapping[str, object], root: str) -> Mapping[str, Any]:
    left = {name: value for name, value in request.items() if name not in ("program", "seed")}
    if root:
        left |= {"readable": [root], "listed": [root]}
    return dict(_without(left, root)) if root else left


def _without(value: Any, root: str) -> Any:
    """A request with a word in the place of the project's folder."""
    if isinstance(value, str):
        return PROJECT + value[len(root) :] if value == root or value.startswith(root + "/") else value
    if isinstance(value, (list, tuple)):
        return [_without(item, root) for item in value]
    if isinstance(value, dict):
        return {_without(key, root): _without(item, root) for key, item in value.items()}
    return value


def _packed(page: Page) -> Iterator[str]:
    """The files that run and judge, in lines of text."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_files(page)):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    text = base64.b85encode(whole.getvalue()).decode()
    yield from (text[start : start + 118] for start in range(0, len(text), 118))


def _files(page: Page) -> Iterator[tuple[str, str]]:
    home = Path(trainlint.__file__).parent
    yield "trainlint/__init__.py", FACE.format(version=trainlint.__version__)
    yield "trainlint/verify/__init__.py", ""
    yield "rule_of_the_finding.py", page.file.read_text(encoding="utf-8")
    for name in PACKED:
        yield f"trainlint/{name}", (home / name).read_text(encoding="utf-8")
    for file in (home / "verify" / "child").rglob("*.py"):
        yield f"trainlint/{file.relative_to(home).as_posix()}", file.read_text(encoding="utf-8")


def _plain(text: str) -> str:
    """One line that can stand in a docstring."""
    return re.sub(
        r'[^\x20-\x7e\xa0-\ud7ff\ue000-\uffff]|["\\]', lambda odd: "'" if odd[0] == '"' else " ", text
    )
