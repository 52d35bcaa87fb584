"""What the last epoch costs against the best one: the source of the thresholds of `no-early-stopping`.

    python bench/stopping.py

Perceptrons on noisy classes (20 numbers, four classes), Adam at 1e-3, batches of 32, 400 samples held out. For each
number of training samples and of epochs: the validation loss of the last epoch divided by the lowest one, and the
epoch of that; medians of five seeds, CPU.
"""

from __future__ import annotations

from statistics import median

import torch
from torch import nn

LENGTHS = (5, 10, 20, 30, 50, 100)
SIZES = (500, 2000, 8000)


def curve(samples: int, seed: int, epochs: int) -> list[float]:
    torch.manual_seed(seed)
    weights = torch.randn(20, 4)
    x = torch.randn(samples + 400, 20)
    y = (x @ weights + 2.0 * torch.randn(samples + 400, 4)).argmax(1)
    model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(epochs):
        for batch in torch.randperm(samples).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x[samples:]), y[samples:]).item())
    return losses


def main() -> None:
    torch.set_num_threads(1)
    for samples in SIZES:
        runs = [curve(samples, seed, max(LENGTHS)) for seed in range(5)]
        for length in LENGTHS:
            ratio = median(run[length - 1] / min(run[:length]) for run in runs)
            best = median(run[:length].index(min(run[:length])) + 1 for run in runs)
            print(f"{samples:6} samples, {length:4} epochs: last / best {ratio:.2f}, best epoch {best:g}")


if __name__ == "__main__":
    main()
