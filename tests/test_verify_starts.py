"""Programs that show a finding of another file: the scripts that call it, and what they need on the way."""

from __future__ import annotations

import json
import textwrap

from tests.programs import needs_torch
from tests.test_verify_projects import BOOK, EVERYTHING, LOOP, NET, verdict_on
from trainlint.lint import lint
from trainlint.source import read_source
from trainlint.verify import verify
from trainlint.verify.starts import starts_of

LOADERS = """
    import os
    import torch
    from torch.utils.data import DataLoader, Dataset, random_split

    class Scans(Dataset):
        def __init__(self, folder):
            self.files = sorted(os.listdir(folder))

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return torch.load(self.files[index]), 0

    def make_loaders(folder, share, batch_size):
        scans = Scans(folder)
        count = int(len(scans) * share)
        train, test = random_split(scans, [count, len(scans) - count])
        return DataLoader(train, batch_size=batch_size), DataLoader(test, batch_size=batch_size)
"""
SCRIPT = """
    import argparse
    from data import make_loaders
    from engine import train
    from net import Net

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--folder", default="/data/scans")
        arguments = parser.parse_args()
        loader, held_out = make_loaders(arguments.folder, 0.8, 8)
        train(Net(), loader, 3)

    if __name__ == "__main__":
        main()
"""


@needs_torch
def test_a_loader_made_in_another_file_is_shown_by_the_script_that_trains_on_it(sandbox, tmp_path):
    files = {"data.py": LOADERS, "engine.py": LOOP, "net.py": NET, "main.py": SCRIPT}
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "come in the same order in all" in verdict.evidence
    assert "started from main.py" in verdict.evidence


@needs_torch
def test_where_a_script_never_trains_the_next_file_is_tried(sandbox, tmp_path):
    script = SCRIPT.replace("train(Net(), loader, 3)", "print(loader)")
    module = SCRIPT.replace('if __name__ == "__main__":\n        main()', "")
    files = {"data.py": LOADERS, "engine.py": LOOP, "net.py": NET, "main.py": script, "zoo.py": module}
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "started from zoo.py" in verdict.evidence


@needs_torch
def test_what_a_script_showed_is_known_the_next_time_until_it_changes(tmp_path):
    project, cache = tmp_path / "project", tmp_path / "cache"
    files = {"data.py": LOADERS, "engine.py": LOOP, "net.py": NET, "main.py": SCRIPT}
    for path, text in files.items():
        project.mkdir(exist_ok=True)
        (project / path).write_text(textwrap.dedent(text).lstrip())

    def verified():
        report = lint([project], EVERYTHING, BOOK, cwd=project)
        said = [d for d in report.diagnostics if d.name == "train-loader-not-shuffled"]
        served = verify(
            said,
            lambda path: read_source(project / path, path),
            BOOK,
            timeout=60.0,
            around=[project],
            cache=cache,
        )
        return next(served).verdict

    first, again = verified(), verified()
    assert (first.state, first.earlier, again.earlier) == ("confirmed", False, True)
    assert again.evidence == first.evidence
    (project / "main.py").write_text((project / "main.py").read_text().replace("0.8, 8", "0.5, 8"))
    assert not verified().earlier


def starts_in(folder, files, file, line):
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text).lstrip())
    text = (folder / file).read_text()
    found = starts_of(str(folder / file), text, line, str(folder))
    return [
        (start.file[len(str(folder)) + 1 :], [start.text[:a].count("\n") + 1 for a, _ in start.calls])
        for start in found
    ]


def test_scripts_come_before_modules_and_names_pass_through_packages(tmp_path):
    files = {
        "tools/__init__.py": "from .loading import make as make_loader, other\n",
        "tools/loading.py": "def make():\n    return 1\n\ndef other():\n    return 2\n",
        "library.py": "from tools import make_loader\n\ndef build():\n    return make_loader()\n",
        "train.py": "from library import build\n\nif __name__ == '__main__':\n    build()\n",
        "apart.py": "from tools import other\n\nif __name__ == '__main__':\n    other()\n",
    }
    assert starts_in(tmp_path, files, "tools/loading.py", 2) == [("train.py", [4]), ("library.py", [4])]


def test_a_module_is_known_by_its_alias_and_by_a_star(tmp_path):
    files = {
        "a.py": "def make():\n    return 1\n",
        "one.py": "import a as loading\n\nfor part in loading.make():\n    pass\n",
        "two.py": "from a import *\n\nwith make() as made:\n    pass\n",
        "none.py": "import a\n\nif __name__ == '__main__':\n    pass\n",
    }
    assert starts_in(tmp_path, files, "a.py", 2) == [("one.py", [3]), ("two.py", [3])]


def test_a_notebook_runs_what_its_cells_call(tmp_path):
    def notebook(*cells):
        made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
        return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    files = {
        "a.py": "def make():\n    return 1\n",
        "runs.ipynb": notebook("%matplotlib inline\nfrom a import make", "made = make()"),
        "none.ipynb": notebook("print('make')", "import a"),
        "broken.ipynb": "from a import make",
        "train.py": "from a import make\n\nif __name__ == '__main__':\n    make()\n",
    }
    assert starts_in(tmp_path, files, "a.py", 2) == [("train.py", [4]), ("runs.ipynb", [3])]
