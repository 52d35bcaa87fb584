"""What random shifts of training images do for held-out accuracy, by the number of samples and epochs.

    python bench/augmenting.py

scikit-learn's digits, shifted by at most one pixel, a small convolutional network, Adam; means over three seeds, CPU.
The source of `min-epochs` of no-augmentation.
"""

from __future__ import annotations

from statistics import mean

import torch
from sklearn.datasets import load_digits
from torch import nn

SEEDS, BATCH = 3, 50


def accuracy(samples: int, epochs: int, shifts: bool, seed: int) -> float:
    torch.manual_seed(seed)
    digits = load_digits()
    x = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None] * 2 - 1
    y = torch.tensor(digits.target)
    train, test = torch.randperm(len(x)).split([len(x) - 400, 400])
    train = train[:samples]
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in train[torch.randperm(samples)].split(BATCH):
            batch = shifted(x[rows]) if shifts else x[rows]
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((model(x[test]).argmax(1) == y[test]).float().mean())


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Each image moved by up to one pixel in each direction."""
    padded = nn.functional.pad(images, (1, 1, 1, 1), value=-1.0)
    rows, columns = torch.randint(3, (2, len(images))).tolist()
    cut = [p[:, r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, columns, strict=True)]
    return torch.stack(cut)


def main() -> None:
    torch.set_num_threads(1)
    for samples in (100, 400, 1397):
        for epochs in (2, 5, 10, 20, 40):
            found = [
                mean(accuracy(samples, epochs, shifts, seed) for seed in range(SEEDS))
                for shifts in (False, True)
            ]
            print(f"{samples} samples, {epochs} epochs: {found[0]:.3f}, shifted {found[1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
