"""Files and folders that are not here, and programs that give up where they are not."""

from __future__ import annotations

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on

pytestmark = needs_torch

LOADING = """
    import logging
    import os
    import sys
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(16, 4)

        def forward(self, x):
            return self.last(x)

    def predict(path, x):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if not os.path.exists(path):
            logging.critical("nothing at %s", path)
            LEAVE
        model = Net().to(device)
        model.load_state_dict(torch.load(path))
        model.eval()
        with torch.no_grad():
            return model(x.to(device)).argmax(1)
"""


@pytest.mark.parametrize("leave", ["sys.exit(1)", "return None", 'raise FileNotFoundError("no file")'])
def test_what_ends_where_a_file_is_not_here_keeps_nobody_from_what_comes_after(leave, sandbox, tmp_path):
    files = {"predict.py": LOADING.replace("LEAVE", leave)}
    verdict = verdict_on("load-without-map-location", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_program_that_refuses_to_run_without_a_gpu_is_not_made_to(sandbox, tmp_path):
    text = LOADING.replace("LEAVE", 'raise RuntimeError("no GPU")')
    text = text.replace("not os.path.exists(path)", "not torch.cuda.is_available()")
    try:
        verdict = verdict_on("load-without-map-location", {"predict.py": text}, tmp_path, sandbox)
    except StopIteration:
        return  # nothing is flagged there, and that is as well
    assert verdict.state == "inconclusive"


def test_what_a_file_saves_that_trains_nothing_was_trained_by_others(tmp_path):
    from trainlint.verify.child.rig.checkpoints import saved_from

    keeping = "import torch\ndef keep(part, path):\n    torch.save(part.state_dict(), path)\n"
    training = keeping + "loss.backward()\nkeep(model, 'model.pt')\n"
    elsewhere = ["model.to('cuda')"]
    assert saved_from(keeping, str(tmp_path), "cuda", elsewhere) == "cuda"
    assert saved_from(keeping, str(tmp_path), "cuda", []) == "any"
    assert saved_from(training, str(tmp_path), "cuda", elsewhere) == "any"


ENSEMBLE = """
    import os
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(16, 4)

        def forward(self, x):
            return self.last(x)

    def predict_all(loader):
        models = os.listdir("saved_models")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        for name in models:
            for i, f in enumerate(os.listdir(os.path.join("saved_models", name))):
                model = Net().to(device)
                model.load_state_dict(torch.load(os.path.join("saved_models", name, f)))
                model.eval()
                with torch.no_grad():
                    print(i, [model(x.to(device)).argmax(1).tolist() for x, _ in loader])
"""


def test_a_folder_that_is_not_here_holds_a_file_where_all_may_be_made_up(sandbox, tmp_path):
    verdict = verdict_on("load-without-map-location", {"ensemble.py": ENSEMBLE}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "files of a folder: a stand-in for one" in verdict.measurements["substituted"]
