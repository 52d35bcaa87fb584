"""Training stops at the second batch, or slows down with each one: the recurrent state drags its graph along.

A hidden state that goes on from batch to batch remembers how it was computed. `backward()` of the second batch then
runs back into the first one's graph, which the first `backward()` has freed, and PyTorch raises "Trying to backward
through the graph a second time". With `retain_graph=True` nothing raises, but each backward pass goes through all
batches so far: time and memory grow until they run out.

```python bad level=error
import torch
from torch import nn

rnn = nn.LSTM(8, 16, batch_first=True)
head = nn.Linear(16, 8)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()])
series = torch.randn(4, 400, 8)
hidden = None

for i in range(0, 380, 20):
    output, hidden = rnn(series[:, i : i + 20], hidden)  # lint: detach
    loss = nn.functional.mse_loss(head(output), series[:, i + 1 : i + 21])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

rnn = nn.LSTM(8, 16, batch_first=True)
head = nn.Linear(16, 8)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()])
series = torch.randn(4, 400, 8)
hidden = None

for i in range(0, 380, 20):
    output, hidden = rnn(series[:, i : i + 20], hidden)
    loss = nn.functional.mse_loss(head(output), series[:, i + 1 : i + 21])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    hidden = tuple(part.detach() for part in hidden)
```

## When it is fine

State that starts anew in each batch. State that goes through the time steps of one batch, with one `backward()` behind
them. State from a pass under `no_grad`.

## Fix

Detach the state once a batch is done: `hidden = hidden.detach()`, for an LSTM both parts. The values go on, the graph
does not; that is truncated backpropagation through time. Where the batches do not follow each other in one
sequence, start from zeros in each.

## How to see it

The message about a second backward pass; or with `retain_graph=True` a time per batch that grows. Experiment: the
backward pass raises, or the graph alive grows from batch to batch.

## What it costs

The example stops in its second batch. With `retain_graph=True` it does too (the step has changed weights that the
old graph needs); where it does not, batch n costs n times what the first one does.

## Sources

PyTorch's word language model example (`repackage_hidden`); Williams and Peng, "An efficient gradient-based algorithm
for on-line training of recurrent network trajectories" (1990); PyTorch documentation of `torch.Tensor.detach`.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for carried in program.carried_states:
        harm = "the graph grows with every batch" if carried.retains else "the second backward pass raises"
        yield Finding(
            carried.node,
            f"`{text_of(carried.node)}` gets the state of the batch before with its graph: {harm}, `detach` it",
            because=[(carried.backward.node, "goes back through all batches so far")],
            fix=carried.cut,
            title="Detach the state behind the backward pass",
            known=carried.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    raised = [b for run in written for b in run.all("backward") if b.word("raised")]
    if raised:
        said = (
            f"backward pass {1 + len([b for b in written[0].all('backward') if not b.word('raised')])} raises"
        )
        return Effect(f"{said}: {raised[0].word('raised')[:90]}", {"raised": len(raised)})
    grown = [run.growth("nodes") for run in written]
    usual = max((run.growth("nodes") for run in control), default=0.0)
    if not grown or min(grown) <= usual + 2:
        return None
    said = f"the graph alive grows by {min(grown):.0f} nodes per batch, with the control by {usual:.0f}"
    return Effect(said, {"nodes_per_batch": min(grown)})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8),
    words=("backward",),
)
