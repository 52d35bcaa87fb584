"""Memory grows with every batch, because each kept loss holds on to its computation graph.

A loss is not just a number: it carries the record of every operation that led to it, so that
`backward()` can go back. `total += loss` keeps all of these records alive, one per batch, for as long
as `total` lives. Where no backward went through the loss (validation without `no_grad`), each record
also holds the activations of the whole network, and the run dies of memory.

```python bad level=warning
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_fn = nn.MSELoss()
batches = [(torch.randn(32, 20), torch.randn(32, 1)) for _ in range(16)]

total_loss = 0
for x, y in batches:
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    total_loss += loss  # lint: loss
print(total_loss / len(batches))
```

```python bad level=error
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 1))
loss_fn = nn.MSELoss()
batches = [(torch.randn(64, 20), torch.randn(64, 1)) for _ in range(16)]

model.eval()
losses = []
for x, y in batches:
    losses.append(loss_fn(model(x), y))  # lint: loss
print(sum(losses) / len(losses))
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss_fn = nn.MSELoss()
batches = [(torch.randn(32, 20), torch.randn(32, 1)) for _ in range(16)]

total_loss = 0.0
for x, y in batches:
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()
    total_loss += loss.item()
print(total_loss / len(batches))
```

## When it is fine

When a later `backward()` uses the sum: several losses added into one, the time steps of an RNN, the
log-probabilities of an episode. When the accumulator starts anew at every optimizer step, when a
`deque(maxlen=...)` bounds it, and under `torch.no_grad()`, where there is no graph to keep.

## Fix

Keep `loss.item()` where a number is enough, `loss.detach()` where a tensor should stay (on a GPU it
does not wait for the device). Run validation under `torch.no_grad()`. The automatic fix adds `.detach()`.

## How to see it

Print `total_loss`: a `grad_fn=<AddBackward0>` in the output is the graph. Memory per batch climbs in a
straight line, and drops at the end of the epoch when the accumulator is set to zero again.

## What it costs

Measured on the CPU with a three-layer network of width 256, batches of 32, per 1,000 batches: 9 MB with
`total_loss += loss` after backward, 69 MB with outputs collected in evaluation without `no_grad`,
nothing with `.item()`. Activations of an image model are a thousand times larger. After backward the
activations are freed and only small records stay: then this is a warning, else an error;
of what is kept once an epoch the first is advice and the second a warning.

## Sources

PyTorch FAQ, "My model reports out of memory: don't accumulate history across your training loop";
pytorch issues 1840 and 17568; SSA-SC issue 2.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, append_text


def check(program: Program, options: Options) -> Iterator[Finding]:
    kept = program.keeps
    for keep in kept:
        turn = "epoch" if keep.is_of_each_epoch else "batch"
        harm = f"the graph of every {turn}" if not keep.frees else f"a node and its history for every {turn}"
        yield Finding(
            keep.place,
            f"`{keep.text}` keeps `{keep.kept}` with its graph: memory grows by {harm}",
            because=[(keep.store, "stored here")] if keep.store is not keep.place else (),
            fix=[append_text(keep.expression, keep.cut)] if keep.expression is not None and keep.cut else (),
            control=keep.compared,
            plant=keep.planted,
            beside=[append_text(place, cut) for place, cut in keep.cuts_beside(kept)],
            title=f"Keep the number, not the graph: `{keep.kept}{keep.cut}`",
            level=keep.level,
        )


OF_A_PASS = 1.5  # nodes: a loss of its own is more than one, however small the network


def symptom(written: Runs, control: Runs) -> Effect | None:
    nodes, kept = growth(written, "nodes"), growth(control, "nodes")
    size = growth(written, "bytes")
    if nodes < OF_A_PASS or nodes < 2 * kept:
        return None  # a view of a loss that is there once adds itself, and no forward pass
    looks = max(len(run.near("iteration")) for run in written)
    said = f"the graph kept alive grows by {nodes:.0f} nodes and {size / 2**20:.2g} MiB of saved tensors per iteration"
    said += f" over {looks} iterations; with the control by {kept:.0f} nodes"
    return Effect(said, {"nodes_per_iteration": nodes, "bytes_per_iteration": size, "nodes_control": kept})


def growth(runs: Runs, name: str) -> float:
    return max((run.growth(name) for run in runs), default=0.0)


rule = Rule(
    check,
    symptom,
    level="error",
    fix="safe",
    since="0.1",
    needs=Needs(steps=12, epochs=5, order=True),
    words=(
        "backward",
        "loss",
        "losses",
        "criterion",
        "compute_loss",
        "loss_fn",
        "eval",
        "training_step",
        "validation_step",
        "test_step",
    ),
)
