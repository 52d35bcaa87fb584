"""From a finding to a verdict: cutting, rigging, running both arms, judging."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from tests.programs import needs_torch
from trainlint.book import open_book
from trainlint.config import Config
from trainlint.diagnostic import Diagnostic, Edit, Fix, Location
from trainlint.lint import lint_source
from trainlint.rule import Needs, Rule
from trainlint.run import Effect, Event, Run
from trainlint.source import read_source
from trainlint.verify import VerifyError, choose_device, verify
from trainlint.verify.batches import batch_form
from trainlint.verify.case import make_case, make_cases
from trainlint.verify.cut import NotCut, cut
from trainlint.verify.experiment import Plan, experiment
from trainlint.verify.free import free_names
from trainlint.verify.interpreter import find_python
from trainlint.verify.judge import REASONS, Arm, judge, read_run
from trainlint.verify.place import NOWHERE
from trainlint.verify.roles import find_roles
from trainlint.verify.sandbox import KERNEL_WALLS, Sandbox

BOOK = open_book()


def program(text):
    return textwrap.dedent(text).lstrip()


def span(text, part):
    start = text.index(part)
    return start, start + len(part)


def location(text, part, path="train.py"):
    start, end = span(text, part)
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return Location(path, line, column, line, column + len(part), start, end)


def finding(name, text, part, *edits):
    """A diagnostic made by hand: a place and (old, new) replacements as its control."""
    changes = tuple(Edit(location(text, old), new) for old, new in edits)
    fix = Fix("test", "unsafe", changes) if changes else None
    return Diagnostic(name, "test", "error", "message", location(text, part), fix=fix)


# --- the cut ---------------------------------------------------------------------------------------------


def kept(text, part):
    text = program(text)
    return [line for line in cut(text, [span(text, part)]).text.splitlines() if line.strip()]


def test_a_cut_drops_what_the_finding_does_not_need():
    lines = kept(
        """
        import torch
        import cv2
        picture = cv2.imread("x.png")
        model = torch.nn.Linear(2, 2)
        other = torch.nn.Linear(3, 3)
        for x in other.parameters():
            x.sum().backward()
        print("hello")
        for x in [torch.ones(1, 2)]:
            model(x).sum().backward()
        """,
        "model(x).sum()",
    )
    assert lines == [
        "import torch",
        "model = torch.nn.Linear(2, 2)",
        "for x in [torch.ones(1, 2)]:",
        "    model(x).sum().backward()",
    ]


def test_a_cut_keeps_seeds_settings_and_changes_in_place():
    text = """
        import torch
        torch.manual_seed(3)
        model = make()
        model.fc = torch.nn.Linear(2, 2)
        initialise(model)
        def make(): return torch.nn.Module()
        def initialise(m): pass
        model(1).backward()
        """
    assert kept(text, "model(1)") == program(text).splitlines()


def test_a_cut_keeps_line_numbers():
    text = program("import os\nimport torch\n\nprint(os)\nx = torch.ones(1)\nx.backward()\n")
    assert cut(text, [span(text, "x.backward()")]).text.splitlines()[5] == "x.backward()"


def test_the_way_from_main_to_a_flagged_function_is_kept():
    lines = kept(
        """
        import torch
        def train(): torch.ones(1).backward()
        def main(): train()
        def unused(): pass
        if __name__ == "__main__":
            main()
        """,
        "backward()",
    )
    assert lines[-2:] == ['if __name__ == "__main__":', "    main()"]
    assert not any("unused" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (
            "def train(model, loader, lr=1, *, device): model.backward()",
            "train(model, loader, device=device)",
        ),
        ("def run(loader): train(loader)\ndef train(loader): x.backward()", "run(loader)"),
        (
            "class T:\n    def __init__(self, model): pass\n    def fit(self, loader): x.backward()",
            "T(model).fit(loader)",
        ),
    ],
)
def test_what_nothing_calls_gets_a_call(text, call):
    assert kept(text, "backward()")[-1] == call


def test_the_focus_is_the_loop_around_the_finding():
    text = program("a = 1\nfor x in y:\n    for z in x:\n        z.backward()\n    b = 2\n")
    assert cut(text, [span(text, "z.backward()")]).focus == ((3, 4),)


def test_what_does_not_parse_is_not_cut():
    with pytest.raises(NotCut):
        cut("def (", [(0, 1)])


def test_the_control_is_the_same_cut_with_the_edits():
    text = program("import torch\nimport os\nx = torch.ones(1)\nx.sum()\nx.backward()\n")
    written, control = make_cases(
        finding("any", text, "x.backward()", ("x.sum()", "x.mean()\nx.sum()")), text
    )
    assert control is not None
    assert "os" not in written.program and "os" not in control.program
    assert "x.mean()" in control.program and "x.mean()" not in written.program
    assert written.focus[0] == (5, 5) and control.focus[0] == (6, 6)


# --- free names ------------------------------------------------------------------------------------------


def free(text):
    return free_names(ast.parse(program(text)))


def test_free_names_are_those_that_nothing_binds_before():
    assert free("for x, y in loader:\n    total += model(x)\n    out = [z for z in y]") == {
        "loader",
        "model",
        "total",
    }
    assert free("def f(a, b=c):\n    d = a\n    return lambda e: d + e + g") == {"c", "g"}
    assert free("class A(B):\n    x = 1\n    def m(self): return self.x + x + later\nlater = 1") == {"B", "x"}
    assert free("try:\n    import a\nexcept E as e:\n    print(e)\nwith open(p) as f: f.read()") == {"E", "p"}
    assert free("if (n := len(items)) > 1:\n    print(n)") == {"items"}


def roles(text):
    tree = ast.parse(program(text))
    return find_roles(tree, free_names(tree))


def test_roles_follow_use_and_then_names():
    found = roles(
        """
        for images, labels in train_stuff:
            loss = loss_fn(net(images.to(device)), labels)
            running += loss
            seen.append(loss)
        lr = args.lr
        log_it(running)
        mystery.thing(nn.Linear)
        """
    )
    assert found["train_stuff"] == "loader" and found["net"] == "model" and found["loss_fn"] == "criterion"
    assert found["running"] == "zero" and found["seen"] == "list" and found["device"] == "device"
    assert found["args"] == "settings" and found["args.lr"] == "rate" and found["log_it"] == "inert"
    assert found["nn"] == "import:torch.nn" and "mystery" not in found


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("for x, y in loader: pass", {"form": "tuple", "names": ["x", "y"]}),
        ("for i, (a, b, c) in enumerate(tqdm(loader)): pass", {"form": "tuple", "names": ["a", "b", "c"]}),
        ("for batch in loader:\n    x, y = batch", {"form": "tuple", "names": ["x", "y"]}),
        ("for b in loader: f(b['image'], b['label'])", {"form": "dict", "names": ["image", "label"]}),
        ("for b in loader: f(b[0], b[1])", {"form": "tuple", "names": ["x", "y"]}),
        ("for x in loader: model(x)", {"form": "single"}),
        ("x, y = next(iter(loader))", {"form": "tuple", "names": ["x", "y"]}),
    ],
)
def test_the_form_of_batches_is_read_off_the_loop(text, form):
    assert batch_form(ast.parse(text)) == form


# --- the judge -------------------------------------------------------------------------------------------


def rule_that_sees(kind, structure=False):
    def symptom(written, control):
        seen = sum(len(run.all(kind)) for run in written)
        return Effect(f"{seen} of them", {"seen": float("nan")}, structure) if seen else None

    return Rule(lambda program, options: iter(()), symptom, level="error", since="0.1")


def arm(*kinds, raised=None):
    return Arm((Run(0, tuple(Event(kind, 0) for kind in kinds), raised, ("data: stand-in",)),))


HARM, NONE = arm("harm"), arm("reached")


def test_what_a_control_takes_away_is_not_looked_for_in_the_lines_beside_it():
    def run(*places):
        events = [Event("harm", 0, {"at": near == 2, "focus": near > 0}) for near in places]
        return Arm((Run(0, (Event("reached", 0), *events), None, ()),))

    def symptom(written, control):
        seen = sum(len(run.near("harm")) for run in written)
        return Effect(f"{seen} of them", {}) if seen else None

    rule = Rule(lambda program, options: iter(()), symptom, level="error", since="0.1")
    assert judge(rule, run(2, 1), run(1)).state == "confirmed"
    assert judge(rule, run(2), run(1)).reason == "both-arms", "it moved"
    assert judge(rule, run(2, 1), run(2, 1)).reason == "both-arms"


@pytest.mark.parametrize(
    ("written", "control", "planted", "state", "reason"),
    [
        (HARM, NONE, None, "confirmed", "symptom"),
        (arm("harm", raised="RuntimeError: harm"), NONE, None, "confirmed", "symptom"),
        (NONE, NONE, None, "inconclusive", "blind"),
        (NONE, NONE, NONE, "inconclusive", "blind"),
        (arm(), NONE, None, "inconclusive", "not-reached"),
        (NONE, NONE, HARM, "refuted", "no-symptom"),
        (HARM, HARM, None, "inconclusive", "not-reached"),
        (arm("harm", "reached"), HARM, None, "inconclusive", "both-arms"),
        (NONE, HARM, None, "inconclusive", "only-control"),
        (HARM, None, None, "inconclusive", "no-control"),
        (HARM, arm(raised="ValueError: no"), None, "inconclusive", "control-raised"),
        (arm(raised="ValueError: no"), NONE, None, "inconclusive", "raised"),
        (arm(raised="ValueError: no"), arm(raised="ValueError: no"), None, "inconclusive", "raised"),
        (arm("harm", raised="E: x (line 3)"), arm(raised="E: x (line 4)"), None, "confirmed", "symptom"),
        (arm("harm", "forward", raised="E: x"), arm(raised="E: x"), None, "inconclusive", "control-raised"),
        (arm(raised="NameError: name 'x' is not defined"), NONE, None, "inconclusive", "missing-name"),
        (Arm((), "timed-out"), NONE, None, "inconclusive", "timed-out"),
        (HARM, Arm((), "out-of-memory"), None, "inconclusive", "out-of-memory"),
    ],
)
def test_verdicts(written, control, planted, state, reason):
    verdict = judge(rule_that_sees("harm"), written, control, planted)
    assert (verdict.state, verdict.reason) == (state, reason)
    assert verdict.evidence and "\n" not in verdict.evidence


@pytest.mark.parametrize(
    ("substituted", "state"),
    [
        ("data: stand-in inputs of 4, targets: classes", "refuted"),
        ("batches of 16 instead of 64", "refuted"),
        ("argument lr: 0.1", "refuted"),
        ("argument shuffle: True", "inconclusive"),
        ("model: stand-in", "inconclusive"),
        ("criterion: stand-in criterion", "inconclusive"),
        ("Trainer: not built, its attributes are stand-ins", "inconclusive"),
        ("left out: ValueError in line 3", "inconclusive"),
        ("distributed set-up: one process that counts as rank 0 of 2", "inconclusive"),
        ("resnet18: a small stand-in network", "inconclusive"),
    ],
)
def test_what_was_made_up_refutes_nobody(substituted, state):
    written = Arm((Run(0, (Event("reached", 0),), None, (substituted,)),))
    assert judge(rule_that_sees("harm"), written, NONE, HARM).state == state


def test_a_control_that_raises_does_not_keep_a_program_from_being_refuted():
    failed = arm("reached", raised="AttributeError: 'float' object has no attribute 'item'")
    assert judge(rule_that_sees("harm"), NONE, failed, HARM).state == "refuted"
    assert judge(rule_that_sees("harm"), NONE, failed, NONE).reason == "control-raised"
    assert judge(rule_that_sees("harm"), HARM, failed, HARM).reason == "control-raised"


def test_weights_that_are_not_here_say_nothing_about_those_that_training_starts_with():
    begins = replace(rule_that_sees("harm"), needs=Needs(weights="own"))
    loaded = Arm((Run(0, (Event("harm", 0),), None, ("checkpoint file: a stand-in",)),))
    assert judge(begins, loaded, NONE).reason == "lost-weights"
    made_up = Arm((Run(0, (Event("harm", 0),), None, ("model: stand-in",)),))
    assert judge(begins, made_up, NONE).reason == "lost-weights"
    assert judge(rule_that_sees("harm"), loaded, NONE).state == "confirmed"


def test_evidence_names_stand_ins_and_measurements_are_plain_json():
    verdict = judge(rule_that_sees("harm"), HARM, NONE)
    assert verdict.evidence == "1 of them (stand-ins: data)"
    assert verdict.measurements["seen"] == "nan"


def test_a_symptom_that_restates_the_code_says_so():
    assert judge(rule_that_sees("harm", structure=True), HARM, NONE).reason == "structure"


def test_a_symptom_that_raises_is_a_verdict():
    def symptom(written, control):
        raise ZeroDivisionError("no steps")

    broken = Rule(lambda program, options: iter(()), symptom, level="error", since="0.1")
    assert judge(broken, HARM, NONE).reason == "rule-failed"


@pytest.mark.parametrize(
    "answer",
    [{}, {"outcome": "ended"}, {"outcome": "ended", "answer": 3}, {"outcome": "strange"}],
)
def test_answers_of_any_shape_are_reasons(answer):
    run = read_run(answer, 0)
    assert isinstance(run, tuple) and run[0] in REASONS


def test_accounts_of_any_shape_are_runs():
    run = read_run(
        {"outcome": "ended", "answer": {"events": [3, {"kind": "x", "data": 7}], "raised": "no"}}, 0
    )
    assert isinstance(run, Run) and run.all("x")[0].number("anything") == 0


def test_growth_is_the_median_rise_of_the_steepest_loop():
    nodes = {1: [5, 10, 15, 20, 25, 30], 2: [9, 9, 90, 9, 9, 9]}
    events = [Event("iteration", 0, {"run": r, "nodes": n}) for r, values in nodes.items() for n in values]
    assert Run(0, tuple(events)).growth("nodes") == 5


# --- the interpreter -------------------------------------------------------------------------------------


def test_a_python_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(VerifyError, match="no such program"):
        find_python("no-such-python")
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(VerifyError, match="torch is not installed there"):
        find_python(str(python))


def test_without_torch_anywhere_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("trainlint.verify.interpreter._environments", lambda: iter(()))
    with pytest.raises(VerifyError, match=r'pip install "trainlint\[verify\]"'):
        find_python()


def python_in(folder, variable, monkeypatch):
    """A program in the place of Python that says that it has torch, in what is or is not the active environment."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("PATH", "")
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_active_environment_is_found(tmp_path, monkeypatch, variable):
    python = python_in(tmp_path / "env", variable, monkeypatch)
    assert find_python() == str(python)


def test_what_a_project_brings_along_is_never_run(tmp_path, monkeypatch):
    python_in(tmp_path / ".venv", None, monkeypatch)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VerifyError):
        find_python()


def test_the_parent_never_imports_torch():
    program = "import sys, trainlint.verify; sys.exit('torch' in sys.modules or 'libcst' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_child_knows_nothing_of_trainlint():
    import trainlint.verify

    for file in (Path(trainlint.verify.__file__).parent / "child").rglob("*.py"):
        assert "from trainlint" not in file.read_text() and "import trainlint" not in file.read_text(), file


class FakeSandbox:
    versions = {"cuda": "", "torch": "2.9"}  # noqa: RUF012 - read only
    has_gpu = False


def test_devices_that_are_not_there_are_refused():
    sandbox: Sandbox = FakeSandbox()  # type: ignore[assignment]
    assert choose_device("auto", sandbox) == "cpu"
    for wanted in ("cuda", "cuda:1", "tpu", "cpu:1", "cuda:x"):
        with pytest.raises(VerifyError):
            choose_device(wanted, sandbox)


# --- whole experiments -----------------------------------------------------------------------------------


def confirm(name, text, sandbox, folder):
    """Lint a program for one rule and run the experiment of the first finding."""
    report = lint_source(text, folder / "train.py", Config(root=folder, select=(name,)), BOOK, cwd=folder)
    assert report.diagnostics, "nothing was found"
    page = BOOK.page(name)
    assert page is not None
    return experiment(report.diagnostics[0], text, NOWHERE, page.rule, Plan(timeout=60.0), sandbox.ask)


SCRIPT = program(
    """
    import argparse, os, time
    import torch, wandb
    import matplotlib.pyplot as plt
    import torch.nn as nn
    import torch.nn.functional as F
    from torchvision import datasets, transforms
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, stride=2)
            self.drop = nn.Dropout(0.5)
            self.fc = nn.Linear(4 * 13 * 13, 10)

        def forward(self, x):
            return F.log_softmax(self.fc(self.drop(torch.relu(self.conv(x)).flatten(1))), dim=1)


    def train(args, model, device, loader, optimizer, writer):
        model.train()
        total = 0
        for i, (data, target) in enumerate(tqdm(loader)):
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
            total += loss
            writer.add_scalar("loss", loss.item(), i)
            wandb.log({"loss": loss.item()})
        time.sleep(1000)
        return total / len(loader)


    def test(model, device, loader):
        correct = 0
        for data, target in loader:
            output = model(data.to(device))
            correct += (output.argmax(1) == target.to(device)).sum().item()
        return correct / len(loader.dataset)


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--epochs", type=int, default=14)
        parser.add_argument("--lr", type=float, required=True)
        parser.add_argument("data")
        args = parser.parse_args()
        device = torch.device("cuda")
        steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.13,), (0.3,))])
        train_set = datasets.MNIST(args.data, train=True, download=True, transform=steps)
        loader = torch.utils.data.DataLoader(train_set, batch_size=64, num_workers=4, pin_memory=True)
        test_loader = torch.utils.data.DataLoader(datasets.MNIST(args.data, transform=steps), 1000)
        model = Net().to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
        writer = SummaryWriter("runs/x")
        os.makedirs("/data/checkpoints", exist_ok=True)
        for epoch in range(args.epochs):
            train(args, model, device, loader, optimizer, writer)
            print(test(model, device, test_loader))
            torch.save(model.state_dict(), "/data/checkpoints/mnist.pt")
        plt.plot([1, 2])
        plt.savefig("curve.png")


    if __name__ == "__main__":
        main()
    """
)


@needs_torch
@pytest.mark.parametrize(
    "name", ["loss-retains-graph", "missing-eval-mode", "missing-no-grad", "train-loader-not-shuffled"]
)
def test_a_whole_script_runs_with_what_is_missing_replaced(name, sandbox, tmp_path):
    verdict = confirm(name, SCRIPT, sandbox, tmp_path)
    assert verdict.state == "confirmed", verdict.evidence
    said = " ".join(str(what) for what in verdict.measurements["substituted"])
    for what in ("argument lr", "cuda", "tqdm"):
        assert what in said


FRAGMENT = program(
    """
    for epoch in range(num_epochs):
        model.train()
        running = 0
        for images, labels in train_loader:
            outputs = model(images.to(device))
            loss = criterion(outputs, labels.to(device))
            loss.backward()
            optimizer.step()
            running += loss
        for images, labels in val_loader:
            outputs = model(images)
            print((outputs.argmax(1) == labels).sum().item())
        logger.info(f"{epoch} {running / len(train_loader):.3f}")
    """
)


@needs_torch
@pytest.mark.parametrize(
    "name", ["loss-retains-graph", "missing-zero-grad", "missing-eval-mode", "missing-no-grad"]
)
def test_a_fragment_gets_stand_ins_and_says_so(name, sandbox, tmp_path):
    verdict = confirm(name, FRAGMENT, sandbox, tmp_path)
    assert verdict.state == "confirmed", verdict.evidence
    assert verdict.reason == ("structure" if name == "missing-eval-mode" else "symptom")  # the model is ours
    assert "stand-ins: " in verdict.evidence


def run_by_hand(rule, text, part, edits, sandbox, **plan):
    page = BOOK.page(rule)
    assert page is not None
    return experiment(finding(rule, text, part, *edits), text, NOWHERE, page.rule, Plan(**plan), sandbox.ask)


CLEAN = program(
    """
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.randint(2, (64,))), 8, shuffle=True)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    total = 0
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            model(x)
    """
)


@needs_torch
@pytest.mark.parametrize("name", [page.name for page in BOOK.pages if page.rule.symptom is not None])
def test_nothing_is_confirmed_on_clean_code(name, sandbox):
    """A finding that a careless rule might have made, with an edit that changes nothing that matters."""
    edits = [("total = 0", "total = 0.0")]
    verdict = run_by_hand(name, CLEAN, "loss.backward()", edits, sandbox, seeds=1)
    assert verdict.state == "inconclusive", verdict.evidence


@needs_torch
def test_a_defect_that_the_control_keeps_is_not_confirmed(sandbox):
    text = CLEAN.replace("        optimizer.zero_grad()\n", "")
    verdict = run_by_hand(
        "missing-zero-grad", text, "optimizer.step()", [("total = 0", "total = 0.0")], sandbox
    )
    assert verdict.reason == "both-arms"


@needs_torch
def test_what_is_missing_is_named(sandbox):
    text = "import nowhere\n" + CLEAN.replace("loss.item()", "nowhere.number(loss)")
    verdict = run_by_hand(
        "missing-zero-grad", text, "optimizer.step()", [("total = 0", "total = 0.0")], sandbox
    )
    assert verdict.state == "inconclusive" and "nowhere" in verdict.evidence


@needs_torch
def test_what_a_missing_package_switches_is_not_measured(sandbox):
    text = "import nowhere\n" + CLEAN.replace("with torch.no_grad():", "with nowhere.no_grad():")
    verdict = run_by_hand("missing-no-grad", text, "model(x)\n", [("total = 0", "total = 0.0")], sandbox)
    assert verdict.state == "inconclusive" and "nowhere" in verdict.evidence


@needs_torch
def test_without_an_edit_there_is_no_verdict(sandbox):
    assert run_by_hand("missing-zero-grad", CLEAN, "optimizer.step()", [], sandbox).reason == "no-control"


@needs_torch
def test_too_slow_is_a_verdict(sandbox):
    text = CLEAN.replace("total = 0\n", "total = 0\nwhile total == 0: pass\n")
    verdict = run_by_hand(
        "missing-zero-grad", text, "optimizer.step()", [("lr=0.1", "lr=0.2")], sandbox, timeout=0.5
    )
    assert verdict.reason == "timed-out"


@needs_torch
def test_only_loops_that_train_or_evaluate_are_cut_short(sandbox):
    text = program(
        """
        import torch
        from torch import nn
        layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(40))
        def deep(x):
            count = 0
            for layer in layers:
                x = layer(x)
                count += 1
            assert count == 40
            for _ in range(50):
                x = x + layers[0](x) * 0
                count += 1
            assert count == 90
            return x
        optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
        batches = 0
        while True:
            optimizer.zero_grad()
            deep(torch.ones(2, 4)).sum().backward()
            optimizer.step()
            batches += 1
        assert batches == 3
        """
    )
    case = make_case(cut(text, [(0, len(text))]), "deep.py")
    answer = sandbox.ask(
        {**case.request(Needs(steps=3), 0, {}), "device": "cpu", "seconds": 20.0, "memory": 2 << 30}
    )
    assert answer["answer"]["raised"] is None, answer["answer"]["raised"]


@needs_torch
def test_verify_streams_diagnostics_in_order_with_verdicts(tmp_path):
    file = tmp_path / "train.py"
    file.write_text(FRAGMENT)
    config = Config(root=tmp_path, select=("missing-zero-grad", "missing-no-grad"))
    report = lint_source(FRAGMENT, file, config, BOOK, cwd=tmp_path)
    plain = Diagnostic(
        "unused-suppression", "machine", "advice", "message", location(FRAGMENT, "epoch", str(file))
    )
    asked = (*report.diagnostics, plain)
    told = list(verify(asked, lambda path: read_source(file, path), BOOK, device="cpu", seeds=1, unsafe=True))
    assert [d.name for d in told] == [d.name for d in asked]
    assert [d.verdict.state if d.verdict else None for d in told] == ["confirmed", "confirmed", None]
    verdict = told[0].verdict
    assert verdict is not None
    assert verdict.device == "cpu" and verdict.seconds > 0 and "audit hook" in verdict.protections


def test_without_experiments_nothing_is_started():
    text = "x = 1\n"
    plain = Diagnostic("unused-suppression", "machine", "advice", "message", location(text, "x"))
    assert list(verify([plain], lambda path: pytest.fail("read"), BOOK, python="no-such-python")) == [plain]


@needs_torch
def test_cuda_and_cpu_agree(sandbox, tmp_path):
    if not sandbox.versions.get("cuda") or not Path("/dev/nvidiactl").exists():
        pytest.skip("no GPU here")
    report = lint_source(CLEAN.replace("loss.item()", "loss"), tmp_path / "t.py", Config(root=tmp_path), BOOK)
    page = BOOK.page("loss-retains-graph")
    assert page is not None
    for device in ("cpu", "cuda:0"):
        said = next(d for d in report.diagnostics if d.name == page.name)
        text = CLEAN.replace("loss.item()", "loss")
        assert (
            experiment(said, text, NOWHERE, page.rule, Plan(device=device), sandbox.ask).state == "confirmed"
        )


# --- the documentation -----------------------------------------------------------------------------------


def test_every_reason_and_protection_is_documented():
    text = (Path(__file__).parent.parent / "docs" / "verification.md").read_text()
    for word in REASONS:
        assert f"`{word}`" in text, word
    for protection in KERNEL_WALLS:
        assert f"| {protection} |" in text, protection


@needs_torch
def test_every_kind_of_event_and_field_is_documented(sandbox):
    text = (Path(__file__).parent.parent / "docs" / "verification.md").read_text()
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    case = make_case(cut(CLEAN, [span(CLEAN, "optimizer.step()")]), "clean.py")
    answer = sandbox.ask(
        {**case.request(Needs(), 0, {}), "device": "cpu", "seconds": 20.0, "memory": 2 << 30}
    )
    events = answer["answer"]["events"]
    assert {"iteration", "forward", "criterion", "backward", "step", "batch", "reached"} <= {
        e["kind"] for e in events
    }
    general = {"line", "focus", "at", "empty", "row_log_mean", "target_spread", "gradients", "watched"}
    for event in events:
        for name in set(event["data"]) - general:
            assert f"`{name}`" in rows[event["kind"]], f"{event['kind']}: {name}"


MULTI_LABEL = program(
    """
    import torch
    from torch import nn
    model = nn.Linear(20, 5)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    """
)


@needs_torch
def test_targets_that_we_made_up_prove_nothing_about_the_classes(sandbox):
    """Multi-label code: what breaks with our class indices would not break with the user's labels."""
    edits = [("nn.BCEWithLogitsLoss()", "nn.CrossEntropyLoss()")]
    verdict = run_by_hand(
        "bce-for-multiclass", MULTI_LABEL, "criterion(model(x), y)", edits, sandbox, seeds=1
    )
    assert verdict.state == "inconclusive", verdict.evidence
