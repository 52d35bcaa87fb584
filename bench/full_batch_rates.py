"""One rate or a cosine schedule where every step sees all rows (no-lr-scheduler, "When it is fine").

    python bench/full_batch_rates.py

The training loss at the end, median of three seeds, and how many times that of the schedule the constant rate ends at.
"""

from __future__ import annotations

from itertools import product
from statistics import median

import torch
from torch import nn

RUNS = (("Adam", 1e-3), ("Adam", 1e-2), ("Adam", 1e-1), ("SGD", 1e-2), ("SGD", 1e-1))
STEPS = (300, 2000)


def rows(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (rows, columns) and targets: a noisy sine, products of noise, three classes, a noisy line."""
    draw = torch.Generator().manual_seed(seed)
    if kind == "sine":
        x = torch.linspace(-3, 3, 100)[:, None]
        return x, torch.sin(2 * x) + 0.1 * torch.randn(100, 1, generator=draw)
    x = torch.randn(300 if kind == "classes" else 100, 10, generator=draw)
    if kind == "classes":
        return x, (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 0).long()
    if kind == "line":
        return x, x @ torch.randn(10, 1, generator=draw) + 0.3 * torch.randn(100, 1, generator=draw)
    return x, torch.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]


def ends_at(kind: str, name: str, rate: float, steps: int, annealed: bool, seed: int) -> float:
    torch.manual_seed(seed)
    x, y = rows(kind, seed)
    outputs = 3 if kind == "classes" else 1
    layers = [nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs)]
    model = nn.Sequential(*layers) if kind != "line" else nn.Linear(x.shape[1], 1)
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps if annealed else 10**9)
    criterion = nn.functional.cross_entropy if kind == "classes" else nn.functional.mse_loss
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        scheduler.step()
    return float(criterion(model(x), y).item())


def main() -> None:
    torch.set_num_threads(1)
    better = 0
    cases = list(product(("sine", "products", "classes", "line"), RUNS, STEPS))
    for kind, (name, rate), steps in cases:
        constant, cosine = (
            median(ends_at(kind, name, rate, steps, annealed, seed) for seed in range(3))
            for annealed in (False, True)
        )
        better += cosine < 0.9 * constant and constant > 1e-6
        print(f"{kind:9} {name:4} {rate:g} {steps:5} steps: {constant:.3g} constant, {cosine:.3g} cosine")
    print(f"the schedule ends lower in {better} of {len(cases)}")


if __name__ == "__main__":
    main()
