"""Evaluation records a graph that nobody will use.

PyTorch keeps every intermediate result of a forward pass for a `backward()` that never comes here. The
memory of each evaluation batch is that of a training batch, for nothing; if losses or outputs are
collected, the graphs of the whole evaluation set pile up. `model.eval()` does not change that: it is
about dropout and BatchNorm only.

A single prediction does the same for one input: a label for a picture, the next move of an agent, samples to look at.
It is reported where nothing but numbers, labels or arrays goes on from the output, and as advice where the script
comes to it once, so that one small graph is all it costs. A loop over a few single samples, for pictures to look at, is
advice as well.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,))), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,))), 64)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    total = 0.0
    for x, y in val_loader:
        output = model(x)  # lint: model(x)
        total += criterion(output, y).item()
    print(epoch, total / len(val_loader))
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,))), 32, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.randn(256, 20), torch.randint(0, 4, (256,))), 64)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            output = model(x)
            total += criterion(output, y).item()
    print(epoch, total / len(val_loader))
```

```python bad level=advice
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))
model.load_state_dict(torch.load("model.pt", map_location="cpu"))
model.eval()
row = torch.tensor([5.1, 3.5, 1.4, 0.2])
scores = model(row.unsqueeze(0))  # lint: model(row.unsqueeze(0))
print(scores.argmax(1).item())
```

A function that trains and evaluates may go backward in both, and only step where it was given an optimizer. The
evaluation's gradients then add to those of the next training step: the network learns from the data that judges it.

## When it is fine

Gradients are used: adversarial examples, saliency maps, forces and physics losses, test-time
optimisation. The caller, a decorator or `set_grad_enabled(phase == "train")` has switched gradients
off. No parameter requires a gradient, so that no graph is built anyway. A single pass behind the
training over all of what each step has trained on at once (every node of one graph) builds a graph like
that of a step, and no peak is higher for it; nor is the graph of a prediction that the script makes once and cuts
in the same statement worth a word (`net(x).detach()`). The output of a single prediction is returned, stored or
handed to code that is not known with its graph: somebody may go backward through it.

## Fix

`with torch.no_grad():` around the evaluation, or `@torch.no_grad()` above the evaluating function;
`torch.inference_mode()` is a little faster. `Variable(x, volatile=True)` has done nothing since PyTorch
0.4.

## How to see it

`output.requires_grad` is True. Memory peaks in validation, often as an out-of-memory error in a run
whose training fits. Experiment: bytes of tensors saved for `backward()` per evaluation batch.

## What it costs

A small convolutional network on 64 images of 32x32, CPU: 34.4 MB saved per batch as written, 0 with the
fix.

## Sources

PyTorch documentation, "Autograd mechanics" (locally disabling gradient computation); skorch-dev/skorch
issue 218; chrischoy/FCGF issue 15; facebookarchive/loop issue 57.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    in_loops = (e for e in program.held_out if e.loop.kind == "loop")
    for evaluation in (*program.evaluations, *in_loops):
        if not evaluation.builds_graph or not evaluation.judged:
            continue
        yield Finding(
            evaluation.graph_node,
            f"`{text_of(evaluation.graph_node)}` builds a graph for every batch of an evaluation that no backward uses",
            because=[
                (evaluation.loop_node, "runs with gradients on"),
                *(
                    (node, "switches dropout and BatchNorm, not gradients")
                    for node in evaluation.switched_by[:1]
                ),
            ],
            fix=evaluation.without_grad,
            control=() if evaluation.without_grad else evaluation.alone_without_grad,
            plant=evaluation.with_grad,
            title="Run the evaluation under `torch.no_grad()`",
            known=evaluation.known,
            level="advice" if evaluation.is_of_few_samples else None,
        )
    for prediction in program.predictions:
        evaluation = prediction.evaluation
        yield Finding(
            evaluation.node,
            f"`{text_of(evaluation.node)}` builds a graph for a prediction that no backward uses",
            because=[(prediction.numbers, "only numbers go on from here")],
            fix=evaluation.without_grad,
            control=() if evaluation.without_grad else evaluation.alone_without_grad,
            plant=evaluation.with_grad,
            title="Run the prediction under `torch.no_grad()`",
            known=evaluation.known,
            level="advice" if prediction.is_made_once else None,
        )
    for idle in program.idle_passes:
        yield Finding(
            idle.node,
            f"`{text_of(idle.node)}` goes backward in eval mode: no step of its own uses the gradients, the next one of the training may",
            because=[(idle.backward.node, "goes backward"), (idle.switched_by, "begins the evaluation")],
            known=idle.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    passes = [event for run in written for event in run.near("forward") if not event.flag("trained")]
    sizes = [event.number("bytes") for event in passes if event.flag("gradients")]
    if not any(sizes):
        return None
    size, nodes = max(sizes), max(event.number("nodes") for event in passes)
    said = f"each evaluation batch saves {size / 1024:.1f} KiB in {nodes:.0f} nodes for a backward that never comes"
    return Effect(said + "; with the control 0", {"bytes_per_batch": size, "nodes_per_batch": nodes})


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="safe",
    since="0.1",
    needs=Needs(steps=4, epochs=1),
    words=(
        "backward",
        "eval",
        "train",
        "volatile",
        "load_state_dict",
        "DataLoader",
        "item",
        "argmax",
        "max",
        "topk",
        "softmax",
        "sigmoid",
        "cpu",
        "detach",
        "numpy",
        "tolist",
    ),
)
