"""How much of a rare class a linear classifier finds, without weights and with them, by how rare it is."""

from __future__ import annotations

from statistics import mean


def recall(ratio: int, weighed: bool, seed: int, rare: int = 50, steps: int = 300) -> float:
    """The recall of the rare class on fresh data, for classes whose means lie 0.8 apart in each of four features."""
    import torch

    torch.manual_seed(seed)
    model = torch.nn.Linear(4, 2)
    weight = torch.tensor([1.0, float(ratio)]) if weighed else None
    criterion = torch.nn.CrossEntropyLoss(weight=weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x = torch.cat([torch.randn(rare * ratio, 4), torch.randn(rare, 4) + 0.8])
    y = torch.cat([torch.zeros(rare * ratio), torch.ones(rare)]).long()
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    fresh = torch.randn(2000, 4) + 0.8
    return float((model(fresh).argmax(1) == 1).float().mean())


def main() -> None:
    for ratio in (1, 2, 5, 10, 20, 50):
        plain, weighed = (mean(recall(ratio, how, seed) for seed in range(5)) for how in (False, True))
        print(f"{ratio:3}:1  recall {plain:.2f} without weights, {weighed:.2f} with")


if __name__ == "__main__":
    main()
