"""What nothing, decay, dropout and an early end do for a network that is large for its data.

    python bench/memorising.py          200 samples, 60 epochs
    python bench/memorising.py many     5,000 samples, 20 epochs

Prints the training loss at the end, and held-out loss and accuracy, by weights per sample; means over five seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import mean

import torch
from torch import nn

HELD_OUT = 2000


def task(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes by a linear rule with some noise, so that a tenth of the labels cannot be known."""
    inputs = torch.randn(samples + HELD_OUT, 20)
    return inputs, (inputs[:, :4].sum(1) + 0.6 * torch.randn(len(inputs)) > 0).long()


def run(
    width: int, rate: float, decay: float, epochs: int, seed: int, samples: int, batch: int
) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    inputs, labels = task(samples)
    hidden = (
        nn.Linear(20, width),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Dropout(rate),
    )
    model, criterion = nn.Sequential(*hidden, nn.Linear(width, 2)), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=decay)
    for _ in range(epochs):
        for rows in torch.randperm(samples).split(batch):
            optimizer.zero_grad()
            criterion(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = model(inputs)
    losses = [float(criterion(scores[part], labels[part])) for part in (slice(samples), slice(samples, None))]
    return losses[0], losses[1], float((scores[samples:].argmax(1) == labels[samples:]).float().mean())


def sweep(samples: int, batch: int, epochs: int, seeds: int, widths: tuple[int, ...]) -> Iterator[str]:
    arms = {
        "nothing": (0.0, 0.0, epochs),
        "decay": (0.0, 1.0, epochs),
        "dropout": (0.5, 0.0, epochs),
        "early end": (0.0, 0.0, epochs // 10),
    }
    for width in widths:
        for name, arm in arms.items():
            found = [run(width, *arm, seed, samples, batch) for seed in range(seeds)]
            said = " ".join(f"{mean(column):.3f}" for column in zip(*found, strict=True))
            share = (20 * width + width * width + 2 * width) / samples
            yield f"{share:.0f} weights per sample, {name}: {said}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("many", nargs="?", choices=["many"])
    torch.set_num_threads(1)
    few = sweep(200, 20, 60, 5, (8, 32, 128))
    for line in sweep(5000, 50, 20, 2, (60, 310, 1000)) if parser.parse_args().many else few:
        print(line, flush=True)


if __name__ == "__main__":
    main()
