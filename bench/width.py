"""What width and depth gain or cost a small network on vectors: the source of width-or-depth-extreme's thresholds.

    python bench/width.py

Prints training loss, held-out accuracy and seconds by width and depth; means over three seeds.
"""

from __future__ import annotations

import time
from statistics import mean

import torch
from torch import nn

SAMPLES, HELD_OUT, INPUTS, CLASSES, STEPS = 2000, 2000, 20, 10, 400


def run(widths: list[int], seed: int) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    inputs = torch.randn(SAMPLES + HELD_OUT, INPUTS)
    labels = (inputs @ torch.randn(INPUTS, CLASSES)).argmax(1)
    sizes = [INPUTS, *widths]
    hidden = [layer for a, b in zip(sizes, widths, strict=False) for layer in (nn.Linear(a, b), nn.ReLU())]
    model, criterion = nn.Sequential(*hidden, nn.Linear(widths[-1], CLASSES)), nn.CrossEntropyLoss()
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    optimizer, began = torch.optim.Adam(model.parameters(), lr=1e-3), time.perf_counter()
    for _ in range(STEPS):
        rows = torch.randint(0, SAMPLES, (64,))
        optimizer.zero_grad()
        criterion(model(inputs[rows]), labels[rows]).backward()
        optimizer.step()
    spent = time.perf_counter() - began
    with torch.no_grad():
        scores = model(inputs)
    right = (scores[SAMPLES:].argmax(1) == labels[SAMPLES:]).float().mean()
    return float(criterion(scores[:SAMPLES], labels[:SAMPLES])), float(right), spent


def main() -> None:
    torch.set_num_threads(1)
    arms = {f"width {w}": [w, w] for w in (1, 2, 4, 16, 64, 256, 1024, 2048)}
    arms.update({f"depth {d}": [64] * d for d in (1, 2, 4, 10, 20, 40)})
    for name, widths in arms.items():
        found = [run(widths, seed) for seed in range(3)]
        print(name, " ".join(f"{mean(column):.3f}" for column in zip(*found, strict=True)), flush=True)


if __name__ == "__main__":
    main()
