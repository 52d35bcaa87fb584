"""What it costs to evaluate a network on another scale than it was trained on: scikit-learn's digits, three seeds, CPU.

    python bench/scale_shift.py

The source of `distance` of train-eval-transform-mismatch.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

SEEDS, EPOCHS, BATCH, TRAINED = 3, 6, 50, 1400


def main() -> None:
    digits = load_digits()
    images = torch.tensor(digits.images / 16.0, dtype=torch.float32)[:, None]
    labels = torch.tensor(digits.target)
    normal = (images - images.mean()) / images.std()
    shown = {"same": normal, "not normalised": images, "twice as wide": normal * 2}
    shown |= {f"moved by {by}": normal + by for by in (0.1, 0.5, 1.0)}
    scores: dict[str, list[float]] = {name: [] for name in shown}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        train, test = torch.randperm(len(labels)).split([TRAINED, len(labels) - TRAINED])
        network = trained(normal[train], labels[train])
        for name, values in shown.items():
            hits = network(values[test]).argmax(1) == labels[test]
            scores[name].append(hits.float().mean().item())
    for name, found in scores.items():
        print(f"{name:16} {sum(found) / SEEDS:.3f}")


def trained(images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    layers = [
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    ]
    network = nn.Sequential(*layers, nn.Linear(2048, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
    return network


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
