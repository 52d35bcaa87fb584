"""Programs that older versions of PyTorch and Python ran: what these have dropped goes on working in an experiment."""

from __future__ import annotations

import textwrap

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import LOOP, NET, verdict_on
from trainlint.verify.child.unread import readable

pytestmark = needs_torch


def of_training(lines, after=""):
    """A loop that keeps its losses, with these lines in it and others before it."""
    loop = textwrap.dedent(LOOP).replace(
        "            optimizer.step()", f"            optimizer.step()\n            {lines}"
    )
    return loop + textwrap.dedent(after)


CALL = "\nfrom net import Net\n\ntrain(Net(), loader, 2)\n"


@pytest.mark.parametrize(
    "line",
    [
        "total = loss.data[0]",
        "total = collections.Mapping",
        "more = iter(loader).next()",
        "x.masked_fill(torch.ones(1, 1).byte(), 0.0)",
        "torch.optim.lr_scheduler.StepLR(optimizer, 1, verbose=True).step()",
        "torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'min', verbose=1).step(1.0)",
        "torch._six.string_classes",
    ],
)
def test_what_was_dropped_goes_on_working(line, sandbox, tmp_path):
    imports = "import collections\nimport torch._six\n" if "_six" in line else "import collections\n"
    files = {"net.py": NET, "train.py": imports + of_training(line, CALL)}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "raise" not in verdict.evidence
    assert "left out" not in str(verdict.measurements)


def test_a_schedule_of_ones_own_tells_its_base_whether_to_talk(sandbox, tmp_path):
    schedule = """
        from torch.optim.lr_scheduler import _LRScheduler

        class Warm(_LRScheduler):
            def __init__(self, optimizer, steps, last_epoch=-1, verbose=False):
                self.steps = steps
                super().__init__(optimizer, last_epoch, verbose)

            def get_lr(self):
                return [rate * min(1, (self.last_epoch + 1) / self.steps) for rate in self.base_lrs]
    """
    files = {
        "net.py": NET,
        "warm.py": schedule,
        "train.py": "from warm import Warm\n" + of_training("Warm(optimizer, 5).step()", CALL),
    }
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "raise" not in verdict.evidence


FEATURES = """
    import torch
    from torch import nn

    # %%
    from __future__ import annotations, print_function

    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    kept: list[Losses] = []
    for step in range(30):
        loss = nn.functional.cross_entropy(net(torch.randn(16, 4)), torch.randint(2, (16,)))
        loss.backward()
        optimizer.step()
"""


def test_a_cell_may_begin_with_what_python_wants_at_the_top_of_a_file(sandbox, tmp_path):
    verdict = verdict_on("missing-zero-grad", {"cells.py": FEATURES}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_pooling_with_a_stride_of_nothing_steps_as_far_as_it_is_wide(sandbox, tmp_path):
    net = """
        import torch.nn as nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(1, 4, kernel_size=3, padding=1)
                self.pool = nn.MaxPool2d(kernel_size=2, stride=0, ceil_mode=True)
                self.last = nn.Linear(4 * 14 * 14, 5)

            def forward(self, x):
                return self.last(self.pool(self.layer(x)).flatten(1))
    """
    files = {"net.py": net, "train.py": textwrap.dedent(LOOP) + CALL}
    verdict = verdict_on("loss-retains-graph", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "raise" not in verdict.evidence


def test_a_print_that_is_written_over_several_lines_within_a_text_is_passed_over():
    text = "def f(a):\n    print(f'A {\n          a:.2f}, {\n          a} end')\n    return a\n"
    mended, tree = readable(text, [(1, 1)])
    assert mended.splitlines()[1].strip() in ("pass", "print(f'A {") and len(mended.splitlines()) == 5
    assert tree.body
