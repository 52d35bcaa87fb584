"""What the size of a batch gains or costs over the same epochs: the source of batch-size-extreme's thresholds.

    python bench/batch.py

Prints updates per epoch, how much the gradient's length varies, loss, held-out accuracy and seconds; means over three seeds.
"""

from __future__ import annotations

import time
from statistics import fmean, pstdev

import torch
from torch import nn

SAMPLES, HELD_OUT, INPUTS, CLASSES, EPOCHS = 1024, 1024, 20, 5, 20
SIZES = (1, 2, 8, 32, 128, 256, 512, 1024)
DRIVERS = {"SGD 0.05": (torch.optim.SGD, 0.05), "Adam 0.001": (torch.optim.Adam, 1e-3)}


def run(driver: str, size: int, seed: int) -> tuple[float, ...]:
    torch.manual_seed(seed)
    inputs = torch.randn(SAMPLES + HELD_OUT, INPUTS)
    scores = torch.tanh(inputs @ torch.randn(INPUTS, 16)) @ torch.randn(16, CLASSES)
    labels = (scores + torch.randn(len(inputs), CLASSES)).argmax(1)  # one in four cannot be known
    model, criterion = (
        nn.Sequential(nn.Linear(INPUTS, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
        nn.CrossEntropyLoss(),
    )
    cls, rate = DRIVERS[driver]
    optimizer, norms, began = cls(model.parameters(), lr=rate), [], time.perf_counter()
    for _ in range(EPOCHS):
        for rows in torch.randperm(SAMPLES).split(size):
            optimizer.zero_grad()
            criterion(model(inputs[rows]), labels[rows]).backward()
            norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1e30)))
            optimizer.step()
    spent, late = time.perf_counter() - began, norms[len(norms) // 2 :]
    with torch.no_grad():
        found = model(inputs)
    right = (found[SAMPLES:].argmax(1) == labels[SAMPLES:]).float().mean()
    return (
        pstdev(late) / fmean(late),
        float(criterion(found[:SAMPLES], labels[:SAMPLES])),
        float(right),
        spent,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for driver in DRIVERS:
        for size in SIZES:
            spread, loss, right, spent = (
                fmean(column) for column in zip(*(run(driver, size, s) for s in range(3)), strict=True)
            )
            print(
                f"{driver:10} batch {size:4}: {-(-SAMPLES // size):4} updates an epoch, gradient varies by {spread:.0%}, "
                f"loss {loss:.2f}, held-out accuracy {right:.2f}, {spent:.1f} s",
                flush=True,
            )
