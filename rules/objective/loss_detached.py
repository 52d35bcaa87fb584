"""The model does not learn from this loss, because its path back to the weights is cut.

`loss.backward()` follows the operations that made the loss, back to the weights. Some steps leave no
way back: `.item()`, `.detach()`, `.data`, a trip through NumPy, a fresh `torch.tensor(loss)`, `argmax`,
comparisons, a forward pass under `no_grad`. PyTorch then says that the tensor "does not require grad
and does not have a grad_fn". Setting `requires_grad=True` on the result silences the error, not the
problem: the gradient ends at the new tensor. `round` and `sign` keep a graph whose gradient is always 0.

```python bad
import torch
from torch import nn

model = nn.Linear(20, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.CrossEntropyLoss()

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(3, (32,))
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss = torch.tensor(loss.item(), requires_grad=True)
    loss.backward()  # lint: loss
    optimizer.step()
```

```python bad
import torch
from torch import nn

model = nn.Linear(20, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.MSELoss()

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(3, (32,))
    optimizer.zero_grad()
    predicted = model(x).argmax(dim=1).float()
    loss = loss_fn(predicted, y.float())
    loss.backward()  # lint: loss
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Linear(20, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.CrossEntropyLoss()

for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(3, (32,))
    optimizer.zero_grad()
    scores = model(x)
    loss = loss_fn(scores, y)
    loss.backward()
    optimizer.step()
    print(loss.item(), (scores.argmax(dim=1) == y).float().mean().item())
```

## When it is fine

When another branch is meant to stand still: value targets, a teacher's outputs, `fake.detach()` in the
discriminator's step, a frozen backbone under `no_grad` with a trained head, a mask or an index made
from predictions, the straight-through form `x + (x.round() - x).detach()`.

## Fix

Compute the loss from the model's scores with differentiable operations only, call `backward()` on that
tensor, and take `.item()` or `argmax` afterwards, for the log. A metric such as accuracy or F1 cannot be
the loss: train on cross entropy (or a soft Dice on probabilities) and report the metric.

## How to see it

`loss.grad_fn` is None before backward. After backward every `p.grad` of the model is None (or zero), the
weights are the same after any number of steps, and the loss is flat.

## What it costs

The whole run. On the CPU both programs above leave the weights exactly as initialised: the first
without a word, the second with a RuntimeError at `backward()`. Where only one term of a sum is cut, the
run looks healthy and that term has no effect.

## Sources

PyTorch documentation, "Autograd mechanics" and `torch.Tensor.detach`; arcface-pytorch issue 56
(`loss.requires_grad = True`); BOP19_CDPN issue 4 (argmax); pytorch issue 95110; CSA-CDGAN (a cut term).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for cut in program.cut_losses:
        yield Finding(
            cut.backward.node,
            f"`{text_of(cut.backward.node)}` {cut.harm}: {cut.why}",
            because=[(cut.node, cut.what)] if cut.node is not None else (),
            fix=cut.mended,
            control=cut.compared,
            title="Keep the graph",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    passes = [event for run in written for event in run.near("backward")]
    raised = next(
        (event.word("raised") for event in passes if "does not require grad" in event.word("raised")), ""
    )
    if raised:
        return Effect("the loss has no graph, backward cannot start: " + raised[:160])
    reached = max((event.number("reached") for event in passes), default=0.0)
    usual = max((event.number("reached") for run in control for event in run.near("backward")), default=0.0)
    if not passes or reached >= usual:
        return None
    said = f"backward gives a gradient to {reached:.0f} of {usual:.0f} parameters that get one with the graph kept"
    return Effect(said, {"reached": reached, "reached_control": usual})


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=4, order=True),
    words=("backward", "manual_backward", "training_step", "compute_loss", "requires_grad", "requires_grad_"),
)
