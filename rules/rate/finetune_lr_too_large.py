"""What the pretrained weights know is overwritten in the first steps, because the rate is one for new weights.

Fine-tuning starts close to a good solution and should stay close. Adam moves each weight by about the
learning rate in every step. Weights of a trained network are some hundredths in size: at 0.01 a few dozen
steps replace them. What remains is a network trained from scratch on little data; transformers
often end up predicting one class for everything.

```python bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import resnet18

data = TensorDataset(torch.randn(64, 3, 32, 32), torch.randint(0, 5, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = resnet18(weights="IMAGENET1K_V1")
model.fc = nn.Linear(512, 5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)  # lint: 0.01 ... resnet18

for epoch in range(5):
    for images, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import resnet18

data = TensorDataset(torch.randn(64, 3, 32, 32), torch.randint(0, 5, (64,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = resnet18(weights="IMAGENET1K_V1")
model.fc = nn.Linear(512, 5)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

for epoch in range(5):
    for images, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Only new weights are trained: a head on frozen features, adapters, LoRA, prompts. Groups with a small rate for
the old weights and a larger one for the new. Networks built without weights (`weights=None`,
`pretrained=False`). Adafactor, and T5, which was trained at 1e-3 and is fine-tuned near it.

## Fix

Start from 1e-4 with Adam for a convolutional network, 2e-5 for a transformer, 0.01 with SGD and momentum. Give
the new head a group of its own if it needs a larger rate: `[{"params": head, "lr": 1e-3}, {"params": body}]`.

## How to see it

The loss of the first epoch is no better than that of a network without weights, or it rises before it falls.
Experiment: how far the weights are from where they started, by their own length.

## What it costs

Drift over the 20 steps of the experiment (a small double of ResNet-18 with random weights, CPU): at 0.01 the
weights end 0.47 times their own length away from the start, at 1e-4 0.007 times. What this costs in accuracy
depends on how much your data needs what the weights knew.

## Options

`adam` (1e-3): largest rate of Adam and its relatives for convolutional networks. `transformer` (5e-4): the
same for models of transformers. `sgd` (0.1): largest rate of SGD.

## Sources

Devlin et al., "BERT" (2019), appendix A.3: 2e-5 to 5e-5; Mosbach, Andriushchenko and Klakow, "On the Stability of
Fine-tuning BERT" (2021); Howard and Ruder, "ULMFiT" (2018), on slower rates for lower layers; Kornblith, Shlens
and Le, "Do Better ImageNet Models Transfer Better?" (2019), whose best rates for fine-tuning with SGD end at 0.1.
"""

from collections.abc import Iterator
from statistics import median

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Run, Runs, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for tuning in program.fine_tunings:
        if tuning.kind != "SGD" and not tuning.is_adaptive:
            continue
        kind = "sgd" if tuning.kind == "SGD" else "transformer" if tuning.is_transformer else "adam"
        if tuning.rate[0] <= options.number(kind):
            continue
        suggested = {"sgd": "0.01", "transformer": "2e-5", "adam": "1e-4"}[kind]
        named = default_of(tuning.rate[1])
        change = tuning.with_rate(suggested)
        yield Finding(
            tuning.node,
            f"{tuning.kind} lr={tuning.rate[0]:g}{named} trains all of the pretrained {tuning.name}, whose weights "
            f"it overwrites in a few dozen steps; usual is about {suggested}",
            because=[(written, "the rate") for written in tuning.rate_places]
            + ([(tuning.origin, "the weights were trained before")] if tuning.origin is not None else []),
            fix=change if tuning.is_literal else [],
            control=change,
            title=f"Fine-tune at {suggested}",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    away, kept = [run.moved() for run in written], [run.moved() for run in control]
    if any(map(leaves_most_alone, written)):
        return None  # what moves is a new part, and what was learnt before stays
    if not all(away) or not all(kept) or not away or median(away) < 0.3:
        return None
    steps = max(len(run.all("step")) for run in written)
    said = (
        f"after {steps} steps the weights are {median(away):.2g} times their own length away from where they were; "
        f"with the control {median(kept):.2g} times (medians of {len(away)} seeds)"
    )
    return Effect(said, {"drift": away, "drift_control": kept, "steps": steps})


def leaves_most_alone(run: Run) -> bool:
    """Whether the optimizers hold less than half of the weights of the network that they train."""
    held = {step.number("optimizer"): step.number("weights") for step in run.all("step")}
    there = max((call.number("weights") for call in run.all("forward") if call.flag("trained")), default=0.0)
    return sum(held.values()) < there / 2


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=4, epochs=5, seeds=2),
    options={
        "adam": Option(
            1e-3,
            "largest rate of Adam and its relatives for convolutional networks",
            "Kingma and Ba 2015: the default for new weights; a tenth of it is usual for pretrained ones",
        ),
        "transformer": Option(
            5e-4,
            "largest rate of Adam and its relatives for models of transformers",
            "Devlin et al. 2019 fine-tune at 2e-5 to 5e-5; Mosbach et al. 2021 see most runs fail from 1e-4 on for BERT-large",
        ),
        "sgd": Option(0.1, "largest rate of SGD", "Kornblith et al. 2019 search up to 0.1"),
    },
    words=("pretrained", "weights", "from_pretrained", "encoder_weights"),
)
