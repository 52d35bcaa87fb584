"""Programs that train what transformers gives them, which is not installed: a double gives networks of the same manners."""

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
        importlib.util.find_spec("transformers") is not None, reason="there is no need of a double"
    ),
]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(sys.executable) as made:
        yield made


TEXTS = """
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup

    texts, labels = ["a fine day", "no such luck", "what a day", "luck is fine"] * 16, [0, 1, 0, 1] * 16
    tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
    told = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
    data = TensorDataset(told["input_ids"], told.attention_mask, torch.tensor(labels))
    loader = DataLoader(data, batch_size=8, shuffle=True)
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased", num_labels=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    schedule = get_linear_schedule_with_warmup(optimizer, 2, len(loader) * 3)
    model.train()
    for epoch in range(3):
        for ids, mask, label in loader:
            output = model(ids, attention_mask=mask, labels=label)
            output.loss.backward()
            optimizer.step()
            schedule.step()
"""


def test_what_is_fine_tuned_is_a_network_that_computes_its_own_loss(sandbox, tmp_path):
    verdict = verdict_on("missing-zero-grad", {"main.py": TEXTS}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
    said = verdict.measurements["substituted"]
    assert "AutoModelForSequenceClassification: a small stand-in network" in said


BODY = """
    import torch
    import transformers
    from torch import nn

    class Judge(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.config = transformers.AutoConfig.from_pretrained(name)
            self.body = transformers.AutoModel.from_pretrained(name, config=self.config)
            self.head = nn.Linear(self.config.hidden_size, 3)

        def forward(self, inputs):
            return self.head(self.body(**inputs).last_hidden_state[:, 0])

    tokenizer = transformers.AutoTokenizer.from_pretrained("roberta-large")

    class Texts(torch.utils.data.Dataset):
        def __init__(self, texts):
            self.texts = texts

        def __len__(self):
            return len(self.texts)

        def __getitem__(self, index):
            told = tokenizer.encode_plus(self.texts[index], padding="max_length", max_length=12)
            return {name: torch.tensor(value) for name, value in told.items()}, index % 3

    def evaluate(model, loader):
        right = 0
        for inputs, label in loader:
            for name, value in inputs.items():
                inputs[name] = value.to("cpu")
            right += (model(inputs).argmax(1) == label).sum().item()
        return right

    def main():
        model = Judge("roberta-large")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        train = torch.utils.data.DataLoader(Texts(["one two", "three"] * 16), batch_size=4, shuffle=True)
        held_out = torch.utils.data.DataLoader(Texts(["four five", "six"] * 4), batch_size=4)
        for epoch in range(2):
            model.train()
            for inputs, label in train:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), label).backward()
                optimizer.step()
            model.eval()
            print(evaluate(model, held_out))

    main()
"""


def test_a_network_of_ones_own_stands_on_a_body_as_wide_as_the_original(sandbox, tmp_path):
    verdict = verdict_on("missing-no-grad", {"main.py": BODY}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_batches_that_hold_dictionaries_are_made_up_as_such(sandbox, tmp_path):
    lost = BODY.replace('Texts(["one two", "three"] * 16)', "Texts(open('texts').readlines())").replace(
        'Texts(["four five", "six"] * 4)', "Texts(open('others').readlines())"
    )
    verdict = verdict_on("missing-no-grad", {"main.py": lost}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


def test_a_network_comes_in_evaluation_mode_as_the_original_does(sandbox, tmp_path):
    """Nothing switches to training, which is right of what is only evaluated."""
    said = """
        import torch
        from transformers import AutoModelForSequenceClassification

        model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
        assert not model.training
        model.eval()
        for ids in torch.randint(5, 90, (6, 4, 9)):
            print(model(ids).logits.argmax(1))
    """
    verdict = verdict_on("missing-no-grad", {"main.py": said}, tmp_path, sandbox)
    assert verdict.state == "confirmed"


@pytest.mark.skipif(importlib.util.find_spec("accelerate") is not None, reason="there is no need of a double")
def test_what_accelerate_prepares_trains_as_it_is(sandbox, tmp_path):
    script = """
        import torch
        from accelerate import Accelerator
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        accelerator = Accelerator()
        data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
        model = nn.Linear(8, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=8, shuffle=True))
        for epoch in range(3):
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x), y)
                accelerator.backward(loss)
                optimizer.step()
    """
    verdict = verdict_on("missing-zero-grad", {"main.py": script}, tmp_path, sandbox)
    assert verdict.state == "confirmed"
