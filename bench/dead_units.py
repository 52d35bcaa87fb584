"""How many ReLU units die, by learning rate and by the bias they start from: the source of dying-relu's thresholds.

    python bench/dead_units.py

Prints the share of hidden units that are zero for all samples after 300 steps, and the loss, as means over three seeds.
"""

from __future__ import annotations

from statistics import mean

import torch
from saturation import network, task
from torch import nn

STEPS = 300


def run(
    kind: type[torch.optim.Optimizer], rate: float, bias: float | None, seed: int, momentum: float = 0.0
) -> tuple[float, float]:
    torch.manual_seed(seed)
    inputs, labels = task()
    model, criterion = network(nn.ReLU, 3, False), nn.CrossEntropyLoss()
    for layer in list(model)[:-1]:
        if isinstance(layer, nn.Linear) and bias is not None:
            nn.init.constant_(layer.bias, bias)
    more = {"momentum": momentum} if momentum else {}
    optimizer = kind(model.parameters(), lr=rate, **more)
    for _ in range(STEPS):
        rows = torch.randint(0, len(inputs), (64,))
        optimizer.zero_grad()
        criterion(model(inputs[rows]), labels[rows]).backward()
        optimizer.step()
    dead, x = [], inputs
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                dead.append(float((x.amax(0) <= 0).float().mean()))
        return mean(dead), float(criterion(x, labels))


def main() -> None:
    torch.set_num_threads(1)
    rates = [(torch.optim.Adam, r) for r in (1e-3, 3e-3, 1e-2, 3e-2, 0.1)]
    rates += [(torch.optim.SGD, r) for r in (0.1, 0.3, 1.0, 3.0)]
    arms: list[tuple[type[torch.optim.Optimizer], float, float | None]] = [
        (k, rate, None) for k, rate in rates
    ]
    arms += [(torch.optim.Adam, 1e-3, bias) for bias in (0.0, -0.1, -0.3, -0.5, -1.0, -2.0)]
    for kind, rate, bias in arms:
        found = [run(kind, rate, bias, seed) for seed in range(3)]
        print(
            f"{kind.__name__} {rate:g}, bias {bias}: dead {mean(f[0] for f in found):.2f}, loss {mean(f[1] for f in found):.3f}",
            flush=True,
        )
    for rate in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0):
        found = [run(torch.optim.SGD, rate, None, seed, 0.9) for seed in range(3)]
        dead, loss = mean(f[0] for f in found), mean(f[1] for f in found)
        print(f"SGD {rate:g}, momentum 0.9: dead {dead:.2f}, loss {loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
