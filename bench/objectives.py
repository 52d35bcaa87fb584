"""What a loss function that gets the wrong thing costs: the numbers on the pages of the objective family.

    python bench/objectives.py

Ten Gaussian classes around centres drawn at random, and two with a plane between; 20 numbers a sample, 64
hidden units, 300 steps of SGD at 0.1 with batches of 32. A smooth function of eight numbers, 500 steps of Adam at 0.01.
Prints accuracy (or error) on fresh samples and the loss of the last ten steps, from the lowest to the highest of five seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean

import torch
import torch.nn.functional as F
from torch import nn

Head = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def plain(scores: torch.Tensor) -> torch.Tensor:
    return scores


def soft(scores: torch.Tensor) -> torch.Tensor:
    return scores.softmax(1)


def one_hot(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(scores, F.one_hot(labels, scores.shape[1]).float())


def second(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The second of two outputs alone says yes or no."""
    return F.binary_cross_entropy_with_logits(scores[:, 1], labels.float())


TEN: dict[str, tuple[Head, Loss, float]] = {
    "cross entropy": (plain, F.cross_entropy, 0.1),
    "cross entropy of a softmax": (soft, F.cross_entropy, 0.1),
    "cross entropy of a ReLU": (torch.relu, F.cross_entropy, 0.1),
    "cross entropy of a tanh": (torch.tanh, F.cross_entropy, 0.1),
    "cross entropy of a sigmoid": (torch.sigmoid, F.cross_entropy, 0.1),
    "negative log-likelihood of a softmax": (soft, F.nll_loss, 0.1),
    "ten yes-or-no questions": (plain, one_hot, 0.1),
    "ten yes-or-no questions at 1.0": (plain, one_hot, 1.0),
}
TWO: dict[str, tuple[Head, Loss, float]] = {
    "binary cross entropy with logits": (plain, second, 0.1),
    "the same of a sigmoid": (torch.sigmoid, second, 0.1),
}
ENDS: dict[str, Head] = {"linear": plain, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "ReLU": torch.relu}


def ten(centres: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(0, 10, (count,))
    return centres[labels] + 1.5 * torch.randn(count, 20), labels


def two(direction: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randn(count, 20)
    return inputs, (inputs @ direction[0] > 0).long()


def classify(name: str, arm: tuple[Head, Loss, float], seed: int) -> tuple[float, float]:
    torch.manual_seed(seed)
    draw, truth = (ten if name == "10" else two), torch.randn(10, 20)
    (head, loss, rate), losses = arm, []
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, int(name)))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(300):
        inputs, labels = draw(truth, 32)
        optimizer.zero_grad()
        value = loss(head(model(inputs)), labels)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    inputs, labels = draw(truth, 4000)
    with torch.no_grad():
        given = head(model(inputs))
    cut = 0.5 if head is torch.sigmoid else 0.0
    found = given.argmax(1) if name == "10" else (given[:, 1] > cut).long()
    return float((found == labels).float().mean()), mean(losses[-10:])


def regress(end: Head, seed: int) -> tuple[float, float]:
    torch.manual_seed(seed)
    inputs = torch.randn(2000, 8)
    targets = torch.sin(inputs[:, :1]) + inputs[:, 1:3].prod(1, keepdim=True)
    targets = (targets - targets.mean()) / targets.std()
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
    for _ in range(500):
        rows = torch.randint(0, 1000, (64,))
        optimizer.zero_grad()
        value = F.mse_loss(end(model(inputs[rows])), targets[rows])
        value.backward()
        optimizer.step()
        losses.append(value.item())
    with torch.no_grad():
        return float(F.mse_loss(end(model(inputs[1000:])), targets[1000:])), mean(losses[-10:])


def say(name: str, found: list[tuple[float, float]]) -> None:
    fresh, losses = zip(*found, strict=True)
    print(f"{name}: {min(fresh):.2f} to {max(fresh):.2f}, loss {min(losses):.2f} to {max(losses):.2f}")


def main() -> None:
    torch.set_num_threads(1)
    for classes, arms in (("10", TEN), ("2", TWO)):
        for name, arm in arms.items():
            say(f"{classes} classes, {name}", [classify(classes, arm, seed) for seed in range(5)])
    for name, end in ENDS.items():
        say(f"regression with a {name} end, error", [regress(end, seed) for seed in range(5)])


if __name__ == "__main__":
    main()
