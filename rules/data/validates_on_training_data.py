"""The validation score is computed on the training data, so it cannot show over-fitting.

A score on data that the network was trained on rises as long as training goes on, also when the network
only learns its examples by heart. A model that is chosen, stopped or published by such a score is chosen by
how well it remembers. The cause is mostly one word: the loader for validation was given the training set.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,)))
train_set, val_set = random_split(data, [192, 64])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(train_set, batch_size=16)  # lint: `val_loader` serves samples that the network trains on
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in val_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(epoch, correct / len(val_loader.dataset))
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,)))
train_set, val_set = random_split(data, [192, 64])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in val_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    print(epoch, correct / len(val_loader.dataset))
```

Reported is what the code calls validation or test data and what is, by all that the code says, data that
trains: the same loader, the same data set, the same files read twice, the same indices, or a whole of
which training takes a part. A warning is the part of another draw: `random_split` deals anew each time it is called,
so what one call leaves over another one has mostly given to the network.

## When it is fine

Training accuracy that is called so. Two halves of one data set by `Subset`, `SubsetRandomSampler` or
`random_split`, also with two transforms. Tests that want to see the network over-fit. Collecting features
for a nearest-neighbour classifier, or statistics for BatchNorm.

## Fix

Give the held-out part to the loader that evaluates. Where there is none, make one: `train_set, val_set =
random_split(data, [0.8, 0.2])`.

## How to see it

Train with random labels: the score rises all the same. Experiment: how many of the samples that are
evaluated were trained on.

## What it costs

With labels drawn at random a network like the one above (256 hidden units, 800 samples, 40 epochs, three seeds, CPU)
scores 0.84 on the data that trained it and 0.24 on the held-out part, which is chance. With noisy, learnable labels it
was 0.99 against 0.69.

## Sources

Kaufman and others, "Leakage in Data Mining: Formulation, Detection, and Avoidance" (2012); scikit-learn
user guide, "Cross-validation: evaluating estimator performance"; HuCaoFighting/Swin-Unet issue 135;
alankbi/detecto pull request 38.
"""

from collections.abc import Iterator

from trainlint import Effect, Event, Finding, Needs, Options, Program, Rule, Runs


def check(program: Program, options: Options) -> Iterator[Finding]:
    for overlap in program.overlaps:
        said = f"`{overlap.claim}` serves samples that the network trains on"
        if overlap.of_another_draw:
            said = f"`{overlap.claim}` serves the rest of another draw, and so samples that the network trains on"
        elif not overlap.by_loader:
            said = f"`{overlap.claim}` is computed over the loader that trains"
        yield Finding(
            overlap.node,
            f"{said}: its score says nothing about new data",
            because=[(overlap.trained_node, "trains on these samples")]
            + ([(overlap.evaluated_node, "evaluates on them")] if overlap.by_loader else [])
            + (
                [(overlap.chosen_node, "draws them" if overlap.of_another_draw else "chooses them")]
                if overlap.chosen_node is not None
                else []
            ),
            fix=overlap.mended,
            control=overlap.apart,
            title="Evaluate on the held-out data",
            level="warning" if overlap.of_another_draw else None,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    shares = [share(run.all("batch")) for run in written]
    if not any(shares):
        return None
    kept = [share(run.all("batch")) for run in control]
    if kept and max(shares) < max(kept) + FELT:
        return None  # what is evaluated beside it, the training data itself for one, is in both
    said = f"{max(shares):.0%} of the samples that are evaluated had been trained on"
    if kept:
        said += f"; with the control {max(kept):.0%}"
    return Effect(said, {"overlap": shares, "overlap_control": kept})


FELT = 0.2


def share(batches: tuple[Event, ...]) -> float:
    """The share of the evaluated samples that some training batch holds as well, by where they come from or what they hold."""
    trained, judged = ([b for b in batches if b.flag("trained") is kind] for kind in (True, False))
    same = common(judged, trained, "origins")
    alike = common(judged, trained, "prints")
    return same or (alike if alike >= 0.5 else 0.0)


def common(judged: list[Event], trained: list[Event], name: str) -> float:
    seen, known = (
        {mark for batch in batches for mark in batch.numbers(name)} for batches in (judged, trained)
    )
    return len(seen & known) / max(1, len(seen))


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=16, epochs=2, seeds=1),
    words=("DataLoader", "eval_dataset", "backward"),
)
