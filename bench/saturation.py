"""What hidden sigmoids cost by depth: the source of the threshold of saturating-hidden-activation.

    python bench/saturation.py

Prints, for one to six hidden layers, the ratio of the first to the last weight's gradient at the start, and the loss
after 300 steps, as means over three seeds.
"""

from __future__ import annotations

from statistics import mean

import torch
from torch import nn

WIDTH, INPUTS, CLASSES, STEPS = 64, 20, 4, 300


def network(activation: type[nn.Module], hidden: int, normalised: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(hidden):
        layers.append(nn.Linear(INPUTS if index == 0 else WIDTH, WIDTH))
        layers += [nn.BatchNorm1d(WIDTH)] if normalised else []
        layers.append(activation())
    return nn.Sequential(*layers, nn.Linear(WIDTH, CLASSES))


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Classes by a random network with weights large enough for the task not to be linear."""
    inputs = torch.randn(512, INPUTS)
    teacher = nn.Sequential(nn.Linear(INPUTS, 32), nn.Tanh(), nn.Linear(32, CLASSES))
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(3)
        return inputs, teacher(inputs).argmax(1)


def run(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
    inputs, labels = task()
    criterion = nn.CrossEntropyLoss()
    weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
    ratio = 0.0
    for step in range(STEPS):
        rows = torch.randint(0, len(inputs), (64,))
        optimizer.zero_grad()
        criterion(model(inputs[rows]), labels[rows]).backward()
        if step == 0:
            first, last = weights[0].grad, weights[-1].grad
            ratio = float(first.norm() / last.norm()) if first is not None and last is not None else 0.0
        optimizer.step()
    with torch.no_grad():
        return ratio, float(criterion(model(inputs), labels))


def main() -> None:
    torch.set_num_threads(1)
    arms = (("sigmoid", nn.Sigmoid, False), ("tanh", nn.Tanh, False), ("ReLU", nn.ReLU, False))
    for kind, rate in ((torch.optim.SGD, 0.1), (torch.optim.Adam, 1e-3)):
        for hidden in range(1, 7):
            said = []
            for name, activation, normalised in (*arms, ("BatchNorm and sigmoid", nn.Sigmoid, True)):
                found = []
                for seed in range(3):
                    torch.manual_seed(seed)
                    model = network(activation, hidden, normalised)
                    found.append(run(model, kind(model.parameters(), lr=rate)))
                said.append(f"{name} {mean(f[0] for f in found):.1e} {mean(f[1] for f in found):.3f}")
            print(f"{kind.__name__} {rate:g}, {hidden} hidden: " + " | ".join(said))


if __name__ == "__main__":
    main()
