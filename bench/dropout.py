"""What high dropout costs: the source of the threshold of dropout-extreme.

    python bench/dropout.py

Prints loss on the training samples in eval mode and held-out accuracy by rate, as means over five seeds.
"""

from __future__ import annotations

from statistics import mean

import torch
from torch import nn

WIDTH, SAMPLES, HELD_OUT, STEPS = 64, 500, 1000, 1500


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Four classes by a random network with weights large enough for the task not to be linear."""
    inputs = torch.randn(SAMPLES + HELD_OUT, 20)
    teacher = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 4))
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(3)
        return inputs, teacher(inputs).argmax(1)


def network(rate: float, width: int) -> nn.Sequential:
    first = (nn.Linear(20, width), nn.ReLU(), nn.Dropout(rate))
    return nn.Sequential(*first, nn.Linear(width, width), nn.ReLU(), nn.Dropout(rate), nn.Linear(width, 4))


def run(rate: float, width: int, seed: int) -> tuple[float, float]:
    torch.manual_seed(seed)
    inputs, labels = task()
    model, criterion = network(rate, width), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(STEPS):
        rows = torch.randint(0, SAMPLES, (64,))
        optimizer.zero_grad()
        criterion(model(inputs[rows]), labels[rows]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = model(inputs)
    held_out = (scores[SAMPLES:].argmax(1) == labels[SAMPLES:]).float().mean()
    return float(criterion(scores[:SAMPLES], labels[:SAMPLES])), float(held_out)


def main() -> None:
    torch.set_num_threads(1)
    for rate in (0.0, 0.25, 0.5, 0.7, 0.75, 0.8, 0.9):
        found = [run(rate, WIDTH, seed) for seed in range(5)]
        print(f"rate {rate}: loss {mean(f[0] for f in found):.3f}, held-out {mean(f[1] for f in found):.3f}")


if __name__ == "__main__":
    main()
