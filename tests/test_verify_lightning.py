"""Programs that hand their loops to Lightning, which is not installed: a double does to their modules what it would do."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.programs import needs_torch
from tests.test_verify_projects import verdict_on
from trainlint.verify.sandbox import Sandbox

pytestmark = [
    needs_torch,
    pytest.mark.skipif(
        importlib.util.find_spec("pytorch_lightning") is not None, reason="there is no need of a double"
    ),
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(sys.executable) as made:
        yield made


MODULE = """
    import pytorch_lightning as pl
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class Net(pl.LightningModule):
        def __init__(self, width, rate=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layers = nn.Sequential(nn.Linear(16, self.hparams.width), nn.ReLU(), nn.Linear(width, 4), nn.Softmax(dim=1))
            self.criterion = nn.CrossEntropyLoss()

        def forward(self, x):
            return self.layers(x)

        def training_step(self, batch, batch_idx):
            x, y = batch
            scores = self(x)
            loss = self.criterion(scores, y)
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, batch_idx):
            x, y = batch
            assert not self.training and not torch.is_grad_enabled()
            self.log("val_accuracy", (self(x).argmax(1) == y).float().mean())

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.rate)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}
"""
SCRIPT = """
    import pytorch_lightning as pl
    import torch
    from net import Net
    from pytorch_lightning.callbacks import EarlyStopping
    from pytorch_lightning.loggers import WandbLogger
    from torch.utils.data import DataLoader, TensorDataset

    class Stopping(EarlyStopping):
        pass

    if __name__ == "__main__":
        pl.seed_everything(1)
        data = TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,)))
        trainer = pl.Trainer(max_epochs=3, logger=WandbLogger("x"), callbacks=[Stopping("val_accuracy")])
        trainer.fit(Net(32), DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=8))
"""


def test_a_module_is_trained_as_its_trainer_would_train_it(sandbox, tmp_path):
    files = {"net.py": MODULE, "main.py": SCRIPT}
    verdict = verdict_on("softmax-before-cross-entropy", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "pytorch_lightning: not installed, a small double" in verdict.measurements["substituted"]


def test_a_step_that_is_right_shows_nothing(sandbox, tmp_path):
    """The trainer switches modes and gradients itself: nobody has to."""
    right = MODULE.replace(", nn.Softmax(dim=1)", "")
    with pytest.raises(StopIteration):
        verdict_on("softmax-before-cross-entropy", {"net.py": right, "main.py": SCRIPT}, tmp_path, sandbox)


SERVING = """
    import os
    import torch
    from lightning import LightningDataModule
    from torch.utils.data import DataLoader, random_split
    from torchvision import transforms
    from torchvision.datasets import MNIST

    class Digits(LightningDataModule):
        def __init__(self, folder, batch_size: int):
            super().__init__()
            self.folder, self.batch_size = folder, batch_size

        def prepare_data(self):
            os.stat("/nowhere/to/be/found")

        def setup(self, stage: str):
            everything = MNIST(self.folder, train=True, transform=transforms.ToTensor())
            self.train, self.val = random_split(everything, [55000, 5000])

        def train_dataloader(self):
            return DataLoader(self.train, batch_size=self.batch_size)

        def val_dataloader(self):
            return DataLoader(self.val, batch_size=self.batch_size)
"""


def test_what_a_data_module_serves_is_looked_at_without_a_network(sandbox, tmp_path):
    verdict = verdict_on("train-loader-not-shuffled", {"digits.py": SERVING}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert "in the same order in all of 3 epochs" in verdict.evidence
    assert "network" in verdict.evidence


def test_a_data_set_that_draws_its_samples_itself_is_not_confirmed(sandbox, tmp_path):
    drawing = SERVING.replace(
        "everything = MNIST(self.folder, train=True, transform=transforms.ToTensor())",
        "everything = MNIST(self.folder, train=True, transform=transforms.RandomRotation(9))",
    ).replace("return DataLoader(self.train, ", "return Drawing(self.train, ")
    drawing += """
    class Drawing(DataLoader):
        def __init__(self, data, **settings):
            super().__init__(data, sampler=torch.utils.data.RandomSampler(data), **settings)
"""
    try:
        verdict = verdict_on("train-loader-not-shuffled", {"digits.py": drawing}, tmp_path, sandbox)
    except StopIteration:
        return  # seen to draw without running it
    assert verdict.state != "confirmed"


HYDRA = """
    import hydra
    import pytorch_lightning as pl
    import torch
    from net import Net
    from torch.utils.data import DataLoader, TensorDataset

    @hydra.main(version_base="1.1", config_path="config", config_name="train")
    def main(cfg):
        data = TensorDataset(torch.randn(64, 16), torch.randint(0, 4, (64,)))
        net = Net(width=cfg.model.width)
        pl.Trainer(max_epochs=cfg.trainer.epochs).fit(net, DataLoader(data, batch_size=8, shuffle=True))

    if __name__ == "__main__":
        main()
"""


def test_settings_that_hydra_would_read_are_read_from_the_projects_files(sandbox, tmp_path):
    module = MODULE.replace("self, width, rate=0.1", "self, width, *, rate=0.1, source: dict = None")
    module = module.replace("super().__init__()\n", "super().__init__()\n            assert width == 24\n", 1)
    files = {
        "net.py": module,
        "main.py": HYDRA,
        "config/train.yaml": "model:\n  width: 24\ntrainer:\n  epochs: 2\n",
    }
    verdict = verdict_on("softmax-before-cross-entropy", files, tmp_path, sandbox)
    assert verdict.state == "confirmed"


ABSENT = """
    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader, TensorDataset

    features, labels = torch.load("/data/train.pt")
    loader = DataLoader(TensorDataset(features.float(), labels), batch_size=8, shuffle=False)
    model = nn.Linear(16, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(4):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
"""


def test_tensors_that_are_not_here_are_stand_in_samples(sandbox, tmp_path):
    verdict = verdict_on("train-loader-not-shuffled", {"train.py": ABSENT}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    assert any("its tensors are not here" in what for what in verdict.measurements["substituted"])


COMPOSER = """
    import pytorch_lightning as pl
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Notes(Dataset):
        def __init__(self, path, length=32):
            self.codes = [int(code) for line in open(path) for code in line.split()]
            self.length = length

        def __len__(self):
            return len(self.codes) - self.length

        def __getitem__(self, index):
            part = torch.tensor(self.codes[index : index + self.length + 1])
            return part[:-1], part[1:]

    class Composer(pl.LightningModule):
        def __init__(self, vocab=64, hidden=32):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(vocab, hidden), nn.LSTM(hidden, hidden, batch_first=True)
            self.drop, self.out = nn.Dropout(0.9), nn.Linear(hidden, vocab)

        def forward(self, x):
            return self.out(self.drop(self.rnn(self.embed(x))[0]))

        def training_step(self, batch, batch_idx):
            x, y = batch
            return nn.functional.cross_entropy(self(x).transpose(1, 2), y)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.001)

    if __name__ == "__main__":
        loader = DataLoader(Notes("train.txt"), batch_size=32)
        pl.Trainer(max_epochs=20).fit(Composer(), loader)
"""


@pytest.mark.parametrize("rule", ["dropout-extreme", "train-loader-not-shuffled"])
def test_a_module_that_is_built_where_it_is_handed_over_says_what_its_data_looks_like(
    rule, sandbox, tmp_path
):
    """Whole numbers for its embedding, and a class for each of the words, not for each row."""
    verdict = verdict_on(rule, {"main.py": COMPOSER}, tmp_path, sandbox)
    assert (verdict.state, verdict.reason) == ("confirmed", "symptom")
    assert "raise" not in verdict.evidence
