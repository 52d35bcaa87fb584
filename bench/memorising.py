"""What nothing, decay, dropout and an early end do for a network that is large for its data.

    python bench/memorising.py

Prints the training loss at the end, and held-out loss and accuracy, by weights per sample; means over five seeds.
"""

from __future__ import annotations

from statistics import mean

import torch
from torch import nn

SAMPLES, HELD_OUT, EPOCHS, BATCH = 200, 2000, 60, 20


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes by a linear rule with some noise, so that a tenth of the labels cannot be known."""
    inputs = torch.randn(SAMPLES + HELD_OUT, 20)
    return inputs, (inputs[:, :4].sum(1) + 0.6 * torch.randn(len(inputs)) > 0).long()


def run(width: int, rate: float, decay: float, epochs: int, seed: int) -> tuple[float, float, float]:
    torch.manual_seed(seed)
    inputs, labels = task()
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
        for rows in torch.randperm(SAMPLES).split(BATCH):
            optimizer.zero_grad()
            criterion(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = model(inputs)
    losses = [float(criterion(scores[part], labels[part])) for part in (slice(SAMPLES), slice(SAMPLES, None))]
    return losses[0], losses[1], float((scores[SAMPLES:].argmax(1) == labels[SAMPLES:]).float().mean())


def main() -> None:
    torch.set_num_threads(1)
    arms = {
        "nothing": (0.0, 0.0, EPOCHS),
        "decay": (0.0, 1.0, EPOCHS),
        "dropout": (0.5, 0.0, EPOCHS),
        "early end": (0.0, 0.0, 6),
    }
    for width in (8, 32, 128):
        for name, arm in arms.items():
            found = [run(width, *arm, seed) for seed in range(5)]
            said = " ".join(f"{mean(column):.3f}" for column in zip(*found, strict=True))
            print(
                f"{(20 * width + width * width + 2 * width) / SAMPLES:.0f} weights per sample, {name}: {said}",
                flush=True,
            )


if __name__ == "__main__":
    main()
