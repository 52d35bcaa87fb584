"""What high dropout costs: the source of the threshold of dropout-extreme.

    python bench/dropout.py

Prints loss on the training samples in eval mode and held-out accuracy by rate, with dropout on the scores, and before and
behind BatchNorm, as means over five seeds; and by what a regression with dropout on its output scales the targets, over three.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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


def on_scores(rate: float, width: int) -> nn.Sequential:
    return nn.Sequential(*network(rate, width), nn.Dropout(rate))


def normalised(rate: float, width: int, before: bool) -> nn.Sequential:
    """Dropout before BatchNorm, or behind the activation that follows it."""
    layers: list[nn.Module] = []
    for inputs in (20, width):
        norm, drop = nn.BatchNorm1d(width), nn.Dropout(rate)
        layers.append(nn.Linear(inputs, width))
        layers += [nn.ReLU(), drop, norm] if before else [norm, nn.ReLU(), drop]
    return nn.Sequential(*layers, nn.Linear(width, 4))


def scale(rate: float, seed: int) -> float:
    """The slope of predictions over targets, where dropout stands on the output of a regression."""
    torch.manual_seed(seed)
    inputs = torch.randn(SAMPLES, 20)
    targets = inputs[:, :4].sum(1, keepdim=True)
    hidden = (nn.Linear(20, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
    model = nn.Sequential(*hidden, nn.Linear(WIDTH, 1), nn.Dropout(rate))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(STEPS):
        rows = torch.randint(0, SAMPLES, (64,))
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs[rows]), targets[rows]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return float((model(inputs) * targets).sum() / (targets * targets).sum())


def run(make: Callable[[], nn.Sequential], seed: int) -> tuple[float, float]:
    torch.manual_seed(seed)
    inputs, labels = task()
    model, criterion = make(), nn.CrossEntropyLoss()
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
    arms = {f"rate {rate}": partial(network, rate, WIDTH) for rate in (0.0, 0.25, 0.5, 0.7, 0.75, 0.8, 0.9)}
    arms["rate 0.5, on the scores too"] = partial(on_scores, 0.5, WIDTH)
    for before in (True, False):
        place = "before" if before else "behind"
        arms[f"rate 0.5, {place} BatchNorm"] = partial(normalised, 0.5, WIDTH, before)
    for name, make in arms.items():
        found = [run(make, seed) for seed in range(5)]
        print(f"{name}: loss {mean(f[0] for f in found):.3f}, held-out {mean(f[1] for f in found):.3f}")
    for rate in (0.25, 0.5):
        slope = mean(scale(rate, seed) for seed in range(3))
        print(f"regression, {rate} on the output: {slope:.2f} times the targets")


if __name__ == "__main__":
    main()
