"""Each update is several times too large: accumulated gradients are added up, not averaged.

`backward()` adds to `.grad`. A loop that steps every k batches to imitate a batch k times as large has to divide
each loss by k, because the loss of the large batch would be a mean over all of it. Undivided, the gradient is
k times that of the large batch. Plain SGD then takes steps k times as long as its learning rate says, clipping
cuts every update, and weight decay weighs k times less.

```python bad level=warning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for epoch in range(10):
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        loss.backward()  # lint: 8 batches
        if (i + 1) % 8 == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(512, 20), torch.randint(0, 4, (512,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for epoch in range(10):
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        (loss / 8).backward()
        if (i + 1) % 8 == 0:
            optimizer.step()
            optimizer.zero_grad()
```

## When it is fine

Losses that are sums, or that are divided by the number of samples or tokens of the whole large batch. A rate
that was divided by k, or gradients that are divided before the step. Engines that divide themselves (Accelerate,
Lightning, DeepSpeed, the Hugging Face Trainer). Adam and its like divide by the size of the gradient and hardly
notice: there it is only advice, for the sake of clipping and of `eps`.

## Fix

`(loss / k).backward()`. The fix does this; the rate may then have to grow, if it was tuned with the sums. Log the
undivided loss.

## How to see it

Change k: the norm of the gradient grows with it. Experiment: the gradient of the first update against that of the
mean over the same batches.

## What it costs

`bench/updates.py`, noisy data of four classes, ten epochs of SGD with momentum, three seeds, CPU, k = 8, accuracy on
fresh samples. Rate 0.1: 0.57 to 0.61 as sums, 0.60 to 0.63 as means. Rate 0.3: 0.54 to 0.58 and 0.62 to 0.63.

## Options

`scale-free`: optimizers that divide by the size of the gradient.

## Sources

Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 3; PyTorch documentation, "Automatic Mixed Precision
examples", section "Gradient accumulation"; gaozhihan/PreDiff pull request 33; fredzzhang/atlas pull request 26.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for sums in program.unscaled_accumulations:
        kind = sums.update.optimizer.kind
        under = f" (`{sums.under}`)" if sums.under else ""
        yield Finding(
            sums.backward.node,
            f"`{text_of(sums.backward.node)}` adds up the mean losses of {sums.count} batches{under}, nothing divides the sum: `{text_of(sums.step.node)}` takes it for one",
            because=[(sums.step.node, "steps on the sum")],
            fix=sums.divided,
            title=f"Divide the loss by {sums.count}",
            level="advice" if not kind or kind in options.words("scale-free") else None,
            known=sums.known,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    ratios = []
    for run, other in zip(written, control, strict=False):
        steps, means = run.near("step"), other.near("step")
        if steps and means and means[0].number("gradient_norm"):
            ratios.append(steps[0].number("gradient_norm") / means[0].number("gradient_norm"))
    if not ratios or min(ratios) < 1.5 or is_divided(written):
        return None
    ratio = sum(ratios) / len(ratios)
    divided = [by for run in written for event in run.all("backward") for by in event.numbers("factors")]
    if any(0.7 < by * ratio < 1.3 for by in divided):
        return None  # at least a term is divided by their count, and that another is not may be wanted
    rates = [rate for run in written for step in run.near("step")[:1] for rate in step.numbers("rates")]
    if any(digits(rate * round(ratio)) < digits(rate) for rate in rates):
        return None  # a rate that was divided by the count gives a rounder one, times the count
    said = f"the first update uses a gradient {ratio:.1f} times that of the mean over the same batches"
    return Effect(said, {"ratio": ratio, "seeds": len(ratios)})


def digits(number: float) -> int:
    return len(f"{number:.6e}".partition("e")[0].replace(".", "").rstrip("0"))


SCALE = 2.0**16  # that torch's GradScaler begins with


def is_divided(runs: Runs) -> bool:
    """Whether what goes backward is less than what the loss function said, or no mean over the batch at all."""
    for run in runs:
        if any(call.word("reduction") == "sum" for call in run.all("criterion") if call.flag("gradients")):
            return True
        said = [call.number("value") for call in run.all("criterion") if call.flag("gradients")]
        went = [value for event in run.all("backward") for value in event.numbers("values")[:1]]
        if not said or not went or len(said) % len(went) or not sum(said):
            continue  # else nobody knows which of them went
        part = abs(sum(went) / sum(said))
        if (part / SCALE if part > SCALE / 100 else part) < 0.75:
            return True
    return False


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=3, seeds=2, order=True),
    options={
        "scale-free": Option(
            (
                "Adam",
                "AdamW",
                "NAdam",
                "RAdam",
                "Adamax",
                "RMSprop",
                "Adagrad",
                "Adadelta",
                "Adafactor",
                "LAMB",
                "Lion",
            ),
            "optimizers that divide by the size of the gradient, for which it is only advice",
            "Kingma and Ba 2015, section 2.1: the update is invariant to rescaling of the gradient",
        )
    },
    words=("backward", "manual_backward"),
)
