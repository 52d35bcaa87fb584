"""The test score is too good, because the test data had a say in which weights are kept.

Whatever is chosen by a score fits that score a little better than new data: the best of a hundred epochs is
best partly by luck on these samples. Chosen on validation data that is harmless, for the test data then gives
an honest number. Chosen on the test data, no honest number is left.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(500, 20), torch.randint(0, 4, (500,)))
train_set, test_set = random_split(data, [400, 100])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
best = 0.0

for epoch in range(30):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    if correct > best:
        best = correct
        torch.save(model.state_dict(), "best.pt")  # lint: keeps the weights that do best on `test_loader`
print("test accuracy", best / len(test_set))
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(torch.randn(500, 20), torch.randint(0, 4, (500,)))
train_set, val_set, test_set = random_split(data, [300, 100, 100])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
best = 0.0


@torch.no_grad()
def accuracy(loader):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


for epoch in range(30):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    score = accuracy(val_loader)
    if score > best:
        best = score
        torch.save(model.state_dict(), "best.pt")
model.load_state_dict(torch.load("best.pt", map_location="cpu"))
print("test accuracy", accuracy(test_loader))
```

The best of all epochs, `max(scores)`, is such a choice too. Followed are loops written out, Lightning's and
transformers' trainers, and the `fit` of TabNet, boosting libraries and Keras where it stops or keeps by the very
rows that are predicted for the report.

## When it is fine

Data sets that come with a training and a test part only, where the habit is to watch the test part
(`two-part`): say so when you publish the number. A part that is called test and serves as validation, while
the number that counts comes from elsewhere: call it validation.

## Fix

Split a validation part off the training data, choose by it, and evaluate on the test data once, at the end.

## How to see it

Keep a second test part aside and compare: the best epoch's score is lower there. Static only: the verifier
runs nothing, for the harm lies in which number is believed.

## What it costs

A network like the one above on noisy data (400 samples to train, 100 to choose by, 30 epochs, five seeds,
CPU): the best epoch scores 0.586 on the data that chose it and 0.555 on 4,000 new samples.

## Options

`two-part`: data sets of torchvision and Hugging Face that have no validation part of their own.

## Sources

Bishop, "Pattern Recognition and Machine Learning" (2006), section 1.3; Cawley and Talbot, "On Over-fitting in
Model Selection and Subsequent Selection Bias in Performance Evaluation" (2010); DonaldRR/SimpleNet issue 7.
"""

from collections.abc import Iterator

from trainlint import Finding, Option, Options, Program, Rule


def check(program: Program, options: Options) -> Iterator[Finding]:
    for chosen in program.selections:
        if any(kind in options.words("two-part") for kind in chosen.data):
            continue
        yield Finding(
            chosen.node,
            f"{chosen.what} `{chosen.name}`: its score is no longer one of data that nobody has seen",
            because=[(chosen.evaluated, "the score that decides")]
            + ([(chosen.begun, "begins the run that chooses")] if chosen.begun is not None else []),
        )


rule = Rule(
    check,
    None,
    level="warning",
    since="0.1",
    options={
        "two-part": Option(
            (
                "MNIST",
                "FashionMNIST",
                "KMNIST",
                "QMNIST",
                "EMNIST",
                "CIFAR10",
                "CIFAR100",
                "SVHN",
                "USPS",
                "STL10",
                "imdb",
                "ag_news",
                "yelp_polarity",
                "dbpedia_14",
                "stanfordnlp/imdb",
                "fancyzhx/ag_news",
            ),
            "data sets that come without a validation part",
            "torchvision documentation of the data sets: `train=True` or `train=False`, `split=` train or test",
        )
    },
    words=(
        "save",
        "scheduler",
        "schedule",
        "step",
        "EarlyStopping",
        "ModelCheckpoint",
        "load_best_model_at_end",
        "eval_set",
    ),
)
