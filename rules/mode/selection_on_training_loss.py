"""The network that remembers best is kept, because the training loss chooses although validation is measured.

The training loss goes on falling when the network has begun to learn its samples by heart. Whoever keeps the
weights with the lowest one keeps the last epoch, nearly always; whoever waits for it to rise before stopping
waits for ever. The validation score of the same epochs is there, printed, and has no say.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(500, 20), torch.randint(0, 4, (500,)))
train_set, val_set = random_split(data, [400, 100])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
best = float("inf")

for epoch in range(30):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            val_loss += nn.functional.cross_entropy(model(x), y).item()
    print(epoch, train_loss / len(train_loader), val_loss / len(val_loader))
    if train_loss < best:
        best = train_loss
        torch.save(model.state_dict(), "best.pt")  # lint: keeps the weights by the training loss
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(500, 20), torch.randint(0, 4, (500,)))
train_set, val_set = random_split(data, [400, 100])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
best = float("inf")

for epoch in range(30):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            val_loss += nn.functional.cross_entropy(model(x), y).item()
    print(epoch, train_loss / len(train_loader), val_loss / len(val_loader))
    if val_loss < best:
        best = val_loss
        torch.save(model.state_dict(), "best.pt")
```

Reported are checkpoints, early stops and `ReduceLROnPlateau`, written out or by Lightning's callbacks.

## When it is fine

Without validation data there is nothing else to go by. A stop at a fixed loss, or at NaN, is no choice. Data
that is called test is not to be asked. Where training itself is the aim (fitting one image, a physical
equation), the training loss is the score.

## Fix

Hand the validation loss, or the score that you will publish, to whatever chooses.

## How to see it

Note the epoch that is kept: it is the last one, or close to it, while the validation loss was lowest long
before. Static only: what the choice costs depends on your data.

## What it costs

A network like the one above with 256 hidden units on noisy data (400 samples to train, 200 to validate, 40 epochs, five
seeds, CPU): the weights with the lowest training loss are those of the last epoch, with a loss of 0.87 on 4,000 new samples; those
with the lowest validation loss are of epoch 12, with 0.68.

## Sources

Prechelt, "Early Stopping - But When?" (1998); Goodfellow, Bengio and Courville, "Deep Learning" (2016),
section 7.8; PyTorch Lightning documentation of `ModelCheckpoint` and `EarlyStopping`.
"""

from collections.abc import Iterator

from trainlint import Finding, Options, Program, Rule

SAID = {
    "keep": "keeps the weights by the training loss",
    "lower": "lowers the rate by the training loss",
    "stop": "stops by the training loss",
}


def check(program: Program, options: Options) -> Iterator[Finding]:
    for choice in program.training_choices:
        yield Finding(
            choice.node,
            f"{SAID[choice.kind]}, which goes on falling while the network learns its samples by heart; the validation "
            "score is measured beside it and has no say",
            because=[(choice.evaluated, "the score to choose by")],
        )


rule = Rule(
    check,
    None,
    level="warning",
    since="0.1",
    words=("save", "step", "EarlyStopping", "ModelCheckpoint"),
)
