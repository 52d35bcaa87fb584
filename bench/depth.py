"""What depth costs a plain network: the source of the thresholds of deep-plain-network and init-mismatch.

    python bench/depth.py

Prints, by number of hidden layers of 64 ReLU units, the ratio of the first to the last weight's gradient at the start
and the loss after 300 steps of Adam at 0.001, as means over three seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean

import torch
from saturation import CLASSES, INPUTS, WIDTH, run
from torch import nn

Fill = Callable[[torch.Tensor], object]


class Residual(nn.Module):  # type: ignore[misc]  # torch is not read here
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.layer(x))


def plain(hidden: int, norm: bool = False, fill: Fill | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(hidden):
        layers.append(nn.Linear(INPUTS if index == 0 else WIDTH, WIDTH))
        layers += [nn.BatchNorm1d(WIDTH)] if norm else []
        layers.append(nn.ReLU())
    model = nn.Sequential(*layers, nn.Linear(WIDTH, CLASSES))
    for layer in model:
        if isinstance(layer, nn.Linear) and fill is not None:
            fill(layer.weight)
    return model


def residual(hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(INPUTS, WIDTH), *(Residual() for _ in range(hidden - 1)), nn.Linear(WIDTH, CLASSES)
    )


NETWORKS: dict[str, Callable[[int], nn.Sequential]] = {
    "as PyTorch starts it": plain,
    "Kaiming": lambda hidden: plain(hidden, fill=lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    "Xavier": lambda hidden: plain(hidden, fill=nn.init.xavier_uniform_),
    "BatchNorm": lambda hidden: plain(hidden, norm=True),
    "residual": residual,
    "normal, std 1": lambda hidden: plain(hidden, fill=nn.init.normal_),
    "normal, std 0.02": lambda hidden: plain(hidden, fill=lambda w: nn.init.normal_(w, std=0.02)),
}


def main() -> None:
    torch.set_num_threads(1)
    for hidden in (2, 4, 6, 8, 10, 12, 16):
        for name, make in NETWORKS.items():
            found = []
            for seed in range(3):
                torch.manual_seed(seed)
                model = make(hidden)
                found.append(run(model, torch.optim.Adam(model.parameters(), lr=1e-3)))
            print(
                f"{hidden} hidden, {name}: {mean(f[0] for f in found):.1e} {mean(f[1] for f in found):.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
