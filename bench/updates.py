"""What an update that goes wrong costs: the numbers on the pages of the update family.

    python bench/updates.py

20 numbers, 64 hidden units, four classes by linear scores with noise, 512 samples in batches of 32, ten epochs of SGD
or Adam. Prints the loss on these samples, accuracy on 2,000 fresh ones and how far the weights came, from the lowest to
the highest of three seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn
from torch.optim import SGD, Adam

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]
Epoch = Callable[[nn.Module, torch.optim.Optimizer, Batches], None]
Optimizer = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]
criterion = nn.CrossEntropyLoss()


def as_meant(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    for inputs, labels in batches:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()


def cleared_once(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    optimizer.zero_grad()
    for inputs, labels in batches:
        criterion(model(inputs), labels).backward()
        optimizer.step()


def never_cleared(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    for inputs, labels in batches:
        criterion(model(inputs), labels).backward()
        optimizer.step()


def cleared_behind_backward(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    for inputs, labels in batches:
        criterion(model(inputs), labels).backward()
        optimizer.zero_grad()
        optimizer.step()


def stepped_first(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    for inputs, labels in batches:
        optimizer.step()
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()


def summed(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    accumulate(model, optimizer, batches, 1)


def averaged(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches) -> None:
    accumulate(model, optimizer, batches, 8)


def accumulate(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, divisor: int) -> None:
    for index, (inputs, labels) in enumerate(batches):
        (criterion(model(inputs), labels) / divisor).backward()
        if index % 8 == 7:
            optimizer.step()
            optimizer.zero_grad()


def run(epoch: Epoch, make: Optimizer, seed: int) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    planes, inputs = torch.randn(20, 4), torch.randn(2512, 20)
    labels = (inputs @ planes + 3 * torch.randn(2512, 4)).argmax(1)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
    begun = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make(model.parameters())
    for _ in range(10):
        order = torch.randperm(512).split(32)
        epoch(model, optimizer, ((inputs[rows], labels[rows]) for rows in order))
    moved = [(p.detach() - b).norm() for p, b in zip(model.parameters(), begun, strict=True)]
    with torch.no_grad():
        scores = model(inputs)
    right = (scores[512:].argmax(1) == labels[512:]).float().mean()
    return float(criterion(scores[:512], labels[:512])), float(right), float(torch.stack(moved).norm())


PLAIN, ADAM = partial(SGD, lr=0.1), partial(Adam, lr=1e-3)
HEAVY, FAST = partial(SGD, lr=0.1, momentum=0.9), partial(SGD, lr=0.3, momentum=0.9)
ARMS: dict[str, tuple[Epoch, Optimizer]] = {
    "as meant": (as_meant, PLAIN),
    "cleared once an epoch": (cleared_once, PLAIN),
    "never cleared": (never_cleared, PLAIN),
    "as meant, Adam": (as_meant, ADAM),
    "never cleared, Adam": (never_cleared, ADAM),
    "cleared between backward and step": (cleared_behind_backward, PLAIN),
    "stepped at the top, cleared behind it": (stepped_first, PLAIN),
    "sums of 8 batches, momentum": (summed, HEAVY),
    "means of 8 batches, momentum": (averaged, HEAVY),
    "sums of 8 batches at 0.3, momentum": (summed, FAST),
    "means of 8 batches at 0.3, momentum": (averaged, FAST),
}


def main() -> None:
    torch.set_num_threads(1)
    for name, arm in ARMS.items():
        found = zip(*(run(*arm, seed) for seed in range(3)), strict=True)
        loss, right, moved = (f"{min(column):.2f} to {max(column):.2f}" for column in found)
        print(f"{name}: loss {loss}, accuracy {right}, moved {moved}")


if __name__ == "__main__":
    main()
