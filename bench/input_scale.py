"""What inputs that are not normalised cost: the loss after equal steps, on tables and on pictures.

    python bench/input_scale.py

Tables: ten columns, half of them wider than the others by a factor. Pictures: scikit-learn's digits in [0, 1], from 0
to 255, and normalised, with and without BatchNorm behind the first layer. The source of `ratio` and `largest` of
inputs-not-normalised; means over five seeds, CPU.
"""

from __future__ import annotations

from statistics import mean

import torch
from sklearn.datasets import load_digits
from torch import nn

SEEDS, STEPS, BATCH = 5, 300, 32
RULES = {
    "SGD 0.01": lambda weights: torch.optim.SGD(weights, lr=0.01),
    "SGD 0.01, momentum": lambda weights: torch.optim.SGD(weights, lr=0.01, momentum=0.9),
    "Adam 0.001": lambda weights: torch.optim.Adam(weights, lr=1e-3),
}


def last_loss(model: nn.Module, x: torch.Tensor, y: torch.Tensor, kind: str) -> float:
    """Over all samples, behind STEPS steps."""
    optimizer = RULES[kind](model.parameters())
    for _ in range(STEPS):
        rows = torch.randint(len(x), (BATCH,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(x), y))


def on_table(factor: float, kind: str, seed: int) -> float:
    torch.manual_seed(seed)
    x = torch.randn(2000, 10)
    y = (x[:, :3].sum(1) - x[:, 7:].sum(1) > 0).long()
    x[:, :5] *= factor
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
    return last_loss(model, x, y, kind)


def on_pictures(scale: str, normalised: bool, kind: str, seed: int) -> float:
    torch.manual_seed(seed)
    digits = load_digits()
    x = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    x = {"0 to 1": x, "0 to 255": x * 255, "normalised": (x - x.mean()) / x.std()}[scale]
    layers = [nn.Conv2d(1, 16, 3, padding=1), *([nn.BatchNorm2d(16)] if normalised else []), nn.ReLU()]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 10)]
    return last_loss(nn.Sequential(*layers), x, torch.tensor(digits.target), kind)


def main() -> None:
    torch.set_num_threads(1)
    for kind in RULES:
        for factor in (1, 3, 10, 30, 100, 300, 1000, 10_000):
            losses = [on_table(factor, kind, seed) for seed in range(SEEDS)]
            print(f"table, {kind}, factor {factor}: {mean(losses):.3f}", flush=True)
        for normalised in (False, True):
            for scale in ("normalised", "0 to 1", "0 to 255"):
                losses = [on_pictures(scale, normalised, kind, seed) for seed in range(SEEDS)]
                said = "with" if normalised else "without"
                print(f"pictures, {kind}, {said} BatchNorm, {scale}: {mean(losses):.3f}", flush=True)


if __name__ == "__main__":
    main()
