"""Sweeps behind the thresholds of the rules of the rate family: small networks, known data, CPU.

    python bench/rates.py rates      loss and accuracy for each optimizer, network and learning rate
    python bench/rates.py tiny       Adam at high rates on perceptrons of a few units
    python bench/rates.py momentum   steps to a target loss, with and without momentum
    python bench/rates.py warmup     a post-norm transformer with and without warm-up
    python bench/rates.py large      SGD on batches of 2,048, with and without warm-up
    python bench/rates.py epochs     accuracy after each number of epochs
    python bench/rates.py adagrad    the effective step of Adagrad, and where it ends against Adam

The data are noisy and learnable: a fixed random network labels points and pictures, and a part of the labels is drawn
at random. 2,000 samples train, 2,000 judge. Printed are medians over the seeds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator

import torch
from torch import nn

CLASSES, TRAINING, SEEDS = 5, 2000, 3
Network = Callable[[], nn.Module]


class Encoder(nn.Module):  # type: ignore[misc]  # torch is not there for the type checker
    """A transformer over rows of the input; `norm_first` and depth as asked for."""

    def __init__(self, layers: int = 2, norm_first: bool = False) -> None:
        super().__init__()
        self.embed, self.rows = nn.Linear(8, 32), nn.Parameter(torch.randn(8, 32))
        block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(x) + self.rows).mean(1))


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, CLASSES),
    )


NETWORKS: dict[str, Network] = {
    "perceptron": perceptron,
    "convolutions": convolutions,
    "transformer": Encoder,
}


def data(noise: float = 0.1, training: int = TRAINING) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of 8x8 that a random network sorts into classes; some labels are wrong."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2 * training, 8, 8, generator=draw)
    first, second = torch.randn(64, 32, generator=draw), torch.randn(32, CLASSES, generator=draw)
    y = (torch.tanh(x.flatten(1) @ first / 8) @ second).argmax(1)
    wrong = torch.rand(len(y), generator=draw) < noise
    return x, torch.where(wrong, torch.randint(0, CLASSES, y.shape, generator=draw), y)


def train(
    make: Network,
    optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer],
    epochs: int = 10,
    seed: int = 0,
    batch: int = 32,
    warmup: int = 0,
    after: Callable[[int, nn.Module, float], None] | None = None,
    training: int = TRAINING,
) -> tuple[float, float]:
    """Mean training loss of the last epoch, and accuracy on held-out data."""
    torch.manual_seed(seed)
    x, y = data(training=training)
    network = make()
    driver = optimizer(network.parameters())
    ramp = torch.optim.lr_scheduler.LambdaLR(driver, lambda step: min(1.0, (step + 1) / (warmup + 1)))
    loss = 0.0
    for epoch in range(epochs):
        losses = []
        for rows in torch.randperm(training).split(batch):
            driver.zero_grad()
            value = nn.functional.cross_entropy(network(x[rows]), y[rows])
            value.backward()
            driver.step()
            ramp.step()
            losses.append(value.item())
        loss = statistics.fmean(losses)
        if after is not None:
            after(epoch, network, loss)
    return loss, accuracy(network, x[training:], y[training:])


def accuracy(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    network.eval()
    with torch.no_grad():
        right = float((network(x).argmax(1) == y).float().mean())
    network.train()
    return right


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):8.3f} ({min(values):.3f} to {max(values):.3f})"


OPTIMIZERS: dict[str, Callable[[float], Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]]] = {
    "SGD": lambda rate: lambda given: torch.optim.SGD(given, lr=rate),
    "SGD momentum 0.9": lambda rate: lambda given: torch.optim.SGD(given, lr=rate, momentum=0.9),
    "Adam": lambda rate: lambda given: torch.optim.Adam(given, lr=rate),
    "RMSprop": lambda rate: lambda given: torch.optim.RMSprop(given, lr=rate),
}
RATES = {
    "SGD": (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0),
    "SGD momentum 0.9": (1e-6, 1e-5, 1e-3, 0.01, 0.1, 0.3, 1.0, 2.0, 5.0),
    "Adam": (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.05, 0.1, 0.3, 1.0),
    "RMSprop": (1e-4, 1e-3, 0.01, 0.03, 0.05, 0.1, 0.3, 1.0),
}


def rates() -> None:
    print("ten epochs of 63 steps: training loss, held-out accuracy")
    for name, make in NETWORKS.items():
        for kind, build in OPTIMIZERS.items():
            for rate in RATES[kind]:
                runs = [train(make, build(rate), seed=seed) for seed in range(SEEDS)]
                print(
                    f"{name:13} {kind:17} {rate:<8g} {spread([r[0] for r in runs])} {spread([r[1] for r in runs])}",
                    flush=True,
                )


def momentum() -> None:
    print("epochs until the training loss of an epoch is below 1.0, and held-out accuracy after 20")
    for name, make in NETWORKS.items():
        for rate in (1e-3, 0.01, 0.05, 0.1):
            for beta in (0.0, 0.9):
                reached, right = [], []
                for seed in range(SEEDS):
                    losses: list[float] = []
                    result = train(
                        make,
                        lambda given, rate=rate, beta=beta: torch.optim.SGD(given, lr=rate, momentum=beta),  # type: ignore[misc]
                        epochs=20,
                        seed=seed,
                        after=lambda epoch, network, loss, losses=losses: losses.append(loss),  # type: ignore[misc]
                    )
                    reached.append(float(next((i + 1 for i, v in enumerate(losses) if v < 1.0), 99)))
                    right.append(result[1])
                print(
                    f"{name:13} lr {rate:<6g} momentum {beta} {spread(reached)} {spread(right)}", flush=True
                )


def warmup() -> None:
    print("five epochs: training loss, held-out accuracy; warm-up over 100 of 315 steps")
    for layers in (2, 6):
        for norm_first in (False, True):
            for rate in (5e-4, 1e-3, 3e-3):
                for steps in (0, 100):
                    runs = [
                        train(
                            lambda layers=layers, norm_first=norm_first: Encoder(layers, norm_first),  # type: ignore[misc]
                            OPTIMIZERS["Adam"](rate),
                            epochs=5,
                            seed=seed,
                            warmup=steps,
                        )
                        for seed in range(SEEDS)
                    ]
                    print(
                        f"{layers} layers, {'pre' if norm_first else 'post'}-norm, lr {rate:<6g} warm-up {steps:3}"
                        f" {spread([r[0] for r in runs])} {spread([r[1] for r in runs])}",
                        flush=True,
                    )


def large() -> None:
    print("twenty epochs of 8 steps on 16,384 samples, momentum 0.9: training loss, held-out accuracy")
    for rate in (0.1, 0.4, 0.8):
        for steps in (0, 40, 80):
            runs = [
                train(
                    convolutions,
                    OPTIMIZERS["SGD momentum 0.9"](rate),
                    20,
                    seed,
                    2048,
                    steps,
                    training=16384,
                )
                for seed in range(SEEDS)
            ]
            print(
                f"lr {rate:<6g} warm-up {steps:3} {spread([r[0] for r in runs])} {spread([r[1] for r in runs])}",
                flush=True,
            )


def epochs() -> None:
    print("held-out accuracy after so many epochs (Adam 1e-3, and SGD 0.01 with momentum)")
    for name, make in NETWORKS.items():
        for kind, rate in (("Adam", 1e-3), ("SGD momentum 0.9", 0.01)):
            for count in (1, 2, 3, 5, 10, 20, 40):
                runs = [train(make, OPTIMIZERS[kind](rate), epochs=count, seed=seed) for seed in range(SEEDS)]
                print(
                    f"{name:13} {kind:17} {count:3} {spread([r[0] for r in runs])} {spread([r[1] for r in runs])}",
                    flush=True,
                )


def adagrad() -> None:
    print("Adagrad: median effective step lr / (sqrt(sum) + eps) by epoch; and the end against Adam")
    for name, make in NETWORKS.items():
        steps: list[float] = []
        drivers: list[torch.optim.Optimizer] = []

        def build(
            given: Iterator[nn.Parameter], drivers: list[torch.optim.Optimizer] = drivers
        ) -> torch.optim.Optimizer:
            drivers.append(torch.optim.Adagrad(given, lr=0.01))
            return drivers[-1]

        def look(
            epoch: int,
            network: nn.Module,
            loss: float,
            drivers: list[torch.optim.Optimizer] = drivers,
            steps: list[float] = steps,
        ) -> None:
            sums = torch.cat([s["sum"].flatten() for s in drivers[-1].state.values()])
            steps.append((0.01 / (sums.sqrt() + 1e-10)).median().item())

        result = train(make, build, epochs=60, after=look)
        other = train(make, OPTIMIZERS["Adam"](1e-3), epochs=60)
        shown = ", ".join(f"{i + 1}: {steps[i]:.4f}" for i in (0, 3, 8, 15, 29, 59))
        print(
            f"{name:13} {shown}; loss {result[0]:.3f} accuracy {result[1]:.3f}; Adam {other[0]:.3f} {other[1]:.3f}",
            flush=True,
        )


def tiny() -> None:
    print("fifteen epochs of 63 steps with Adam: held-out accuracy, perceptrons of so many units")
    for sizes in ((13, 2, 2), (4, 10, 5, 3), (20, 10, 10, 3), (64, 16, 3), (64, 16, 16, 3)):
        for rate in (1e-3, 0.05, 0.1, 0.2, 0.3):
            right = [of_few_units(sizes, rate, seed) for seed in range(SEEDS)]
            print(f"{'-'.join(map(str, sizes)):13} {rate:<6g} {spread(right)}", flush=True)


def of_few_units(sizes: tuple[int, ...], rate: float, seed: int) -> float:
    """Its inputs are all that the labels depend on; a tenth of these are drawn."""
    draw = torch.Generator().manual_seed(0)
    x, count = torch.randn(2 * TRAINING, sizes[0], generator=draw), sizes[-1]
    first, second = torch.randn(sizes[0], 32, generator=draw), torch.randn(32, count, generator=draw)
    y = (torch.tanh(2 * x @ first / sizes[0] ** 0.5) @ second).argmax(1)
    wrong = torch.rand(len(y), generator=draw) < 0.1
    y = torch.where(wrong, torch.randint(0, count, y.shape, generator=draw), y)
    torch.manual_seed(seed)
    layers = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
    network = nn.Sequential(*layers[:-1])
    driver = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(15):
        for rows in torch.randperm(TRAINING).split(32):
            driver.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            driver.step()
    return accuracy(network, x[TRAINING:], y[TRAINING:])


SWEEPS = {
    "tiny": tiny,
    "rates": rates,
    "momentum": momentum,
    "warmup": warmup,
    "large": large,
    "epochs": epochs,
    "adagrad": adagrad,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", choices=SWEEPS)
    torch.set_num_threads(1)
    SWEEPS[parser.parse_args().sweep]()
