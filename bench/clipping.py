"""Recurrent networks and encoders with and without clipping: the longest gradient, the usual one, and where the loss ends.

With an odd batch: one batch of 200 has inputs and targets twenty times as large as all others.
"""

import statistics

import torch
from torch import nn

STEPS, LENGTH, SEEDS = 200, 10, (0, 1, 2)
RECURRENT, ENCODERS = ("RNN", "LSTM"), (2, 4, 6, 12)
DRIVERS = {
    "Adam 0.0003": (torch.optim.Adam, 3e-4),
    "Adam 0.001": (torch.optim.Adam, 1e-3),
    "Adam 0.01": (torch.optim.Adam, 1e-2),
    "SGD 0.01": (torch.optim.SGD, 0.01),
    "SGD 0.05": (torch.optim.SGD, 0.05),
    "SGD 0.1": (torch.optim.SGD, 0.1),
}


def network(kind: str | int) -> nn.Module:
    if isinstance(kind, str):
        return getattr(nn, kind)(2, 32, batch_first=True)
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Linear(2, 32), nn.TransformerEncoder(layer, kind))


def last(found: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What a network gives at the last step."""
    return (found[0] if isinstance(found, tuple) else found)[:, -1]


def run(kind: str | int, driver: str, odd: bool, seed: int, bound: float) -> tuple[float, float, float]:
    """The largest and the median gradient norm, and the mean loss of the last 15 steps."""
    torch.manual_seed(seed)
    layer, head = network(kind), nn.Linear(32, 1)
    weights = [*layer.parameters(), *head.parameters()]
    cls, rate = DRIVERS[driver]
    optimizer = cls(weights, lr=rate)
    norms, losses = [], []
    for step in range(STEPS):
        x = torch.randn(16, LENGTH, 2) * (20 if odd and step == 100 else 1)
        target = x[:, -5:].sum((1, 2)).unsqueeze(1)  # the sum of the last five steps
        loss = nn.functional.mse_loss(head(last(layer(x))), target)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(weights, bound)))
        optimizer.step()
        losses.append(loss.item())
    return max(norms), statistics.median(norms), statistics.fmean(losses[-15:])


def shown(kind: str | int, driver: str, odd: bool) -> str:
    free = [run(kind, driver, odd, seed, 1e30) for seed in SEEDS]
    held = [run(kind, driver, odd, seed, 1.0) for seed in SEEDS]
    peak, usual, end = (statistics.median(r[at] for r in free) for at in range(3))
    clipped = statistics.median(r[2] for r in held)
    data, name = (
        "one odd batch" if odd else "even batches",
        f"encoder {kind}" if isinstance(kind, int) else kind,
    )
    return f"{name:10} {driver:11} {data}: longest {peak:.3g}, median {usual:.3g}; loss {end:.3g}, clipped {clipped:.3g}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for odd in (True, False):
        for driver in DRIVERS:
            for kind in RECURRENT if "SGD" in driver else (*RECURRENT, *ENCODERS):
                print(shown(kind, driver, odd), flush=True)
