"""Adam on one full batch in every step: at which rates a perceptron still fits a hundred rows (lr-too-large, `full-batch`).

The loss at the end, of three seeds; the targets are standardised, so that 1 is a network that always says the mean.

    python bench/full_batch.py
"""

from __future__ import annotations

import torch
from torch import nn

RATES = (1e-3, 1e-1, 3e-1, 5e-1, 1.0)


def perceptron(width: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 10
    for _ in range(hidden):
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def ends_at(rate: float, width: int, hidden: int, steps: int, seed: int) -> float:
    torch.manual_seed(seed)
    x = torch.randn(100, 10)
    y = torch.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    y = (y - y.mean()) / y.std()
    model = perceptron(width, hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    return float(nn.functional.mse_loss(model(x), y).detach())


def main() -> None:
    torch.set_num_threads(1)
    for width, hidden in ((64, 3), (64, 2), (8, 2), (64, 1)):
        for steps in (100, 1000):
            for rate in RATES:
                ends = " ".join(f"{ends_at(rate, width, hidden, steps, seed):8.2g}" for seed in range(3))
                print(f"{hidden} hidden layers of {width:2}, {steps:4} steps, rate {rate:<5}: {ends}")


if __name__ == "__main__":
    main()
