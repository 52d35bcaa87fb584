"""Programs that hand their training to somebody else, or take what is not here apart in some other way."""

from __future__ import annotations

import ast

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import NET, verdict_on
from trainlint.verify.roles import find_roles

SPAWNED = """
    import torch
    import torch.multiprocessing as mp
    from torch import nn
    from torch.distributed import init_process_group
    from torch.utils.data import DataLoader, TensorDataset
    from torch.utils.data.distributed import DistributedSampler
    from net import Net

    def work(rank, count, epochs):
        init_process_group("nccl", rank=rank, world_size=count)
        data = TensorDataset(torch.randn(64, 16), torch.arange(64) % 4)
        sampler = DistributedSampler(data, num_replicas=count, rank=rank)
        loader = DataLoader(data, batch_size=8, sampler=sampler)
        model = nn.parallel.DistributedDataParallel(Net())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()

    if __name__ == "__main__":
        mp.spawn(work, args=(2, 10), nprocs=2)
"""


@needs_torch
def test_the_first_of_several_processes_does_its_work_here(sandbox, tmp_path):
    verdict = verdict_on("sampler-epoch-not-set", {"net.py": NET, "train.py": SPAWNED}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("distributed set-up" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_a_part_of_data_that_is_not_here_is_taken_by_its_name_or_as_a_slice(sandbox, tmp_path):
    script = """
        import torch
        from torch.utils.data import DataLoader
        from elsewhere import load_data
        from net import Net

        dataset = load_data("reviews")
        held_x, held_y = dataset["validation"][:]
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for x, y in DataLoader(dataset["train"], batch_size=8):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                print((model(held_x).argmax(1) == held_y).float().mean())
            model.train()
    """
    verdict = verdict_on("train-loader-not-shuffled", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed" and "raise" not in verdict.evidence


@needs_torch
@pytest.mark.parametrize(
    "given", ["scores = model(x).logits", "out = model(x)\n            scores = out.logits"]
)
def test_a_network_that_is_not_here_gives_its_parts_under_the_names_that_are_asked_for(
    given, sandbox, tmp_path
):
    script = f"""
        import torch

        def evaluate(model, loader):
            model.eval()
            right = 0
            for x, y in loader:
                {given.replace("            ", "                ")}
                right += (scores.argmax(1) == y).sum().item()
            return right
    """
    verdict = verdict_on("missing-no-grad", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed" and "raise" not in verdict.evidence


@needs_torch
def test_data_that_a_network_takes_whole_is_what_it_takes(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn

        def classify(train_data, train_label, test_data, epochs):
            class Reader(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.rnn = nn.LSTM(8, 12, batch_first=True)
                    self.last = nn.Sequential(nn.Dropout(0.5), nn.Flatten(1), nn.Linear(12 * 6, 2))

                def forward(self, x):
                    return self.last(self.rnn(x)[0])

            model = Reader()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            for epoch in range(epochs):
                loss = nn.functional.mse_loss(model(train_data), train_label)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return model(test_data).argmax(-1)
    """
    verdict = verdict_on("missing-eval-mode", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@needs_torch
def test_a_vocabulary_that_is_not_here_knows_every_word(sandbox, tmp_path):
    script = """
        import numpy as np
        import torch
        from torch import nn
        from torch.utils.data import DataLoader

        def read(path):
            kept = np.load(path, allow_pickle=True)
            return kept["data"], kept["word2ix"].item()

        class Poet(nn.Module):
            def __init__(self, words):
                super().__init__()
                self.embed, self.rnn, self.last = nn.Embedding(words, 8), nn.GRU(8, 16), nn.Linear(16, words)

            def forward(self, x):
                return self.last(self.rnn(self.embed(x))[0])

        def train(path):
            data, word2ix = read(path)
            model = Poet(len(word2ix))
            optimizer = torch.optim.Adam(model.parameters())
            criterion = nn.CrossEntropyLoss(ignore_index=word2ix["</s>"])
            total = 0
            for epoch in range(10):
                for batch in DataLoader(torch.from_numpy(data), batch_size=16, shuffle=True):
                    batch = batch.long().transpose(1, 0)
                    optimizer.zero_grad()
                    loss = criterion(model(batch[:-1]).permute(1, 2, 0), batch[1:].transpose(0, 1))
                    loss.backward()
                    optimizer.step()
                    total += loss
            return total
    """
    verdict = verdict_on("loss-retains-graph", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("stand-in vocabulary" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_a_vocabulary_that_is_not_here_has_as_many_entries_as_it_says(sandbox, tmp_path):
    script = """
        import pickle
        import torch
        from torch import nn

        vocab = pickle.load(open("vocab.pkl", "rb"))
        model = nn.Sequential(nn.Embedding(len(vocab.keys()), 8), nn.Flatten(), nn.Linear(32, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        words = sorted(vocab.values())
        total = 0
        for step in range(10):
            optimizer.zero_grad()
            x = torch.tensor([words[step : step + 4]])
            loss = nn.functional.cross_entropy(model(x), torch.tensor([step % 2]))
            loss.backward()
            optimizer.step()
            total += loss
        print(total)
    """
    verdict = verdict_on("loss-retains-graph", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("stand-in vocabulary" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_arrays_by_their_names_are_made_up(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn
        from net import Net

        def train(arrays, epochs=100):
            x, y = torch.from_numpy(arrays["xs"]), torch.from_numpy(arrays["labels"])
            model = Net()
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            for epoch in range(epochs):
                order = torch.randperm(len(x))
                for first in range(0, len(x), 16):
                    rows = order[first : first + 16]
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
                    optimizer.step()
    """
    verdict = verdict_on("no-lr-scheduler", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed" and "raise" not in verdict.evidence
    assert not any("left out" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_a_study_runs_what_it_is_to_improve(sandbox, tmp_path):
    script = """
        import optuna
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from net import Net

        train_set = TensorDataset(torch.randn(64, 16), torch.arange(64) // 16)
        held_out = DataLoader(TensorDataset(torch.randn(32, 16), torch.arange(32) % 4), batch_size=16)

        def objective(trial: optuna.Trial):
            model = Net()
            optimizer = torch.optim.SGD(model.parameters(), lr=trial.suggest_float("lr", 1e-3, 1e-1, log=True))
            for epoch in range(trial.suggest_int("epochs", 2, 4)):
                for x, y in DataLoader(train_set, batch_size=trial.suggest_categorical("batch", [8, 16])):
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(x), y).backward()
                    optimizer.step()
            model.eval()
            with torch.no_grad():
                value = sum((model(x).argmax(1) == y).sum().item() for x, y in held_out)
            trial.report(value, 0)
            if trial.should_prune():
                raise optuna.TrialPruned()
            return value

        study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner())
        study.optimize(objective, n_trials=50)
        print(study.best_params["lr"], study.best_value, study.best_trial.number)
    """
    verdict = verdict_on("train-loader-not-shuffled", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed" and "raise" not in verdict.evidence


@needs_torch
def test_settings_have_what_their_classes_declare(sandbox, tmp_path):
    files = {
        "net.py": NET,
        "settings.py": """
            from pathlib import Path
            from pydantic import BaseModel, ConfigDict, Field, field_validator

            class Course(BaseModel):
                model_config = ConfigDict(frozen=True)
                lr: float = Field(0.1, gt=0)
                epochs: int = 3
                sizes: list[int] = [8, 16]

                @field_validator("lr")
                @classmethod
                def positive(cls, value):
                    assert value > 0
                    return value

            class Settings(BaseModel):
                course: Course = Field(default_factory=Course)
                folder: Path
                name: str | None = None

            SETTINGS = Settings(folder="runs", course={"lr": 0.05})
            """,
        "train.py": """
            import torch
            from torch import nn
            from torch.utils.data import DataLoader, TensorDataset
            from net import Net
            from settings import SETTINGS

            assert SETTINGS.name is None and SETTINGS.folder.name == "runs" and SETTINGS.model_dump()["course"]["lr"] == 0.05
            data = TensorDataset(torch.randn(64, 16), torch.arange(64) // 16)
            loader = DataLoader(data, batch_size=SETTINGS.course.sizes[0])
            model = Net()
            optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS.course.lr)
            for epoch in range(SETTINGS.course.epochs):
                for x, y in loader:
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(x), y).backward()
                    optimizer.step()
            """,
    }
    verdict = verdict_on("train-loader-not-shuffled", files, tmp_path, sandbox)
    assert verdict.state == "confirmed" and "raise" not in verdict.evidence
    assert not any("left out" in said for said in verdict.measurements["substituted"])


@needs_torch
def test_a_schedule_of_small_steps_that_never_falls_is_compared_with_one_that_does(sandbox, tmp_path):
    script = """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from net import Net

        loader = DataLoader(TensorDataset(torch.randn(64, 16), torch.arange(64) % 4), batch_size=16, shuffle=True)
        model = Net()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, gamma=0.95)
        for epoch in range(10):
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            schedule.step()
    """
    verdict = verdict_on("schedule-length-mismatch", {"net.py": NET, "train.py": script}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "from 0.001 over 0.001 to 0.001" in verdict.evidence


@needs_torch
def test_a_network_by_itself_has_the_sizes_that_constants_say(sandbox, tmp_path):
    script = """
        import math
        import numpy as np
        import torch
        from torch import nn

        ROWS, COLUMNS = 4, 6
        shape = (ROWS, COLUMNS)
        pictures = torch.from_numpy(np.load("pictures.npy")).reshape(-1, *shape)

        class Maker(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(
                    nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, math.prod(shape))
                )

            def forward(self, x):
                return self.layers(x).view(-1, *shape)

        maker = Maker()
        optimizer = torch.optim.Adam(maker.parameters())
        for picture in pictures:
            loss = nn.functional.mse_loss(maker(torch.randn(picture.shape[7], 8)), picture)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """
    verdict = verdict_on("norm-placement", {"train.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@pytest.mark.parametrize(
    "text, name, role",
    [
        ("scores = model(test_data)\n", "test_data", "inputs"),
        ("for x in test_data:\n    model(x)\nmodel(test_data)\n", "test_data", "loader"),
        ("print(len(test_data))\nmodel(test_data)\n", "test_data", "dataset"),
        ("if kind == 'wide':\n    f()\n", "kind", "value:'wide'"),
        ("if loss_fn == 'focal':\n    f()\n", "loss_fn", "value:'focal'"),
        ("if loss_fn == 'focal':\n    f()\nloss_fn.parameters()\n", "loss_fn", "criterion"),
        ("if device == 'cuda':\n    f()\n", "device", "device"),
        ("known = {'small': 1, 'large': 2}\nf(known[chosen])\n", "chosen", "value:'small'"),
        ("if chosen not in ('wide', 'deep'):\n    raise ValueError(chosen)\n", "chosen", "value:'wide'"),
        ("f(info['words'], info['width'])\n", "info", "settings"),
        ("f(info['words'], info.shape)\n", "info", "inputs"),
        ("f(word2idx['a'])\n", "word2idx", "vocabulary"),
        ("f(vocab_size)\n", "vocab_size", "count"),
    ],
)
def test_what_a_name_stands_for(text, name, role):
    free = frozenset(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))
    assert find_roles(ast.parse(text), free)[name] == role
