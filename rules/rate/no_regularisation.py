"""A large network learns a small data set by heart, and nothing in the script holds it back.

With many times more weights than samples a network can store the labels, noise included. The training loss
goes to zero, the held-out loss turns and rises, and what is kept is the state of the last epoch. Decay,
dropout, augmentation, an early end or normalisation each hold it back a little; this script has none of them.

```python bad level=advice
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

inputs = torch.randn(200, 20)
labels = (inputs[:, :4].sum(dim=1) + 0.6 * torch.randn(200) > 0).long()
loader = DataLoader(TensorDataset(inputs, labels), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # lint: 200 samples

for epoch in range(60):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

```python good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

inputs = torch.randn(200, 20)
labels = (inputs[:, :4].sum(dim=1) + 0.6 * torch.randn(200) > 0).long()
loader = DataLoader(TensorDataset(inputs, labels), batch_size=20, shuffle=True)
model = nn.Sequential(
    nn.Linear(20, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 2)
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)

for epoch in range(60):
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
```

## When it is fine

Any one of these: weight decay, dropout, normalisation, augmentation or noise, early stopping or a best state that
is kept. Few epochs, few weights for each sample; thousands of samples, unless there are hundreds of weights for each;
sizes that the code does not tell. Data without noise, where the rule that is to be learnt is exact, may be learnt by heart.

## Fix

First an early end: watch the held-out loss, keep the best state. `AdamW` in the place of `Adam` decays weights by
0.01, which is little; `nn.Dropout(0.2)` to `0.5` behind the hidden layers does more. A smaller network does too.

## How to see it

The loss of training and held-out data over the epochs, in one plot: where they part, learning by heart begins.
Experiment: what the optimizer decays, and how far the training loss falls.

## What it costs

`bench/memorising.py`: two classes, 200 samples of which a tenth have the wrong label, 60 epochs of Adam, CPU, five seeds:
held-out loss.

| weights per sample | nothing | strong decay | dropout of 0.5 | end after 6 epochs |
| --- | --- | --- | --- | --- |
| 1 | 0.35 | 0.30 | 0.35 | 0.67 |
| 9 | 0.49 | 0.35 | 0.31 | 0.58 |
| 96 | 0.55 | 0.41 | 0.42 | 0.30 |

The same with 5,000 samples and 20 epochs, two seeds (`bench/memorising.py many`):

| weights per sample | nothing | strong decay | dropout of 0.5 | end after 2 epochs |
| --- | --- | --- | --- | --- |
| 1 | 0.28 | 0.23 | 0.22 | 0.24 |
| 21 | 0.45 | 0.26 | 0.24 | 0.24 |
| 204 | 0.62 | 0.29 | 0.26 | 0.24 |

Accuracy hardly moved (0.86 to 0.88 throughout, but for the small networks that ended early): what suffers first
is how sure the network is of its mistakes.

## Options

`min-weights-per-sample` (20) and `min-epochs` (20): below these nothing is reported. Above `max-samples` (5000) nothing
is reported below `min-weights-per-sample-of-many` (200).

## Sources

Zhang et al., "Understanding Deep Learning Requires Rethinking Generalization" (2017); Srivastava et al.,
"Dropout" (2014); Prechelt, "Early Stopping - But When?" (1998); Goodfellow, Bengio and Courville, "Deep
Learning", chapter 7.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Option, Options, Program, Rule, Run, Runs, counted, default_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unregularised:
        large = found.samples > options.number("max-samples")
        if found.share < options.number(
            "min-weights-per-sample-of-many" if large else "min-weights-per-sample"
        ):
            continue
        if found.epochs is None or found.epochs[0] < options.number("min-epochs"):
            continue
        under = default_of(found.epochs[1])
        yield Finding(
            found.node,
            f"`{found.architecture.name}` has at least {found.weights:,.0f} weights for {counted(found.samples, 'sample')} and sees them "
            f"{counted(found.epochs[0], 'time')}{under}, without decay, dropout, augmentation, normalisation or an early end",
            because=[(found.loader.loader.node, "serves them")]
            if found.loader is not None and found.loader.loader.node is not None
            else [],
            fix=found.decayed,
            title="Decay the weights",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    steps = [step for run in written for step in run.all("step")]
    calls = [call for run in written for call in run.all("forward") if call.flag("training")]
    if not steps or not calls or any(step.number("decay") for step in steps):
        return None
    if any(call.number("dropout") or call.number("norms") for call in calls):
        return None
    if any(varies(run) or is_cut_short(run) or is_written_out(run) for run in written):
        return None
    losses = written[0].losses()
    said = f"in {len(steps)} steps nothing decays, and no layer drops or normalises"
    if len(losses) > 1:
        said += f"; the training loss goes from {losses[0]:.3g} to {losses[-1]:.3g}"
    return Effect(said, {"steps": len(steps), "losses": losses[:1] + losses[-1:]}, structure_only=True)


def varies(run: Run) -> bool:
    """Whether a sample that trains looks different the next time: that is augmentation, wherever it comes from."""
    seen: dict[float, float] = {}
    served = [batch for batch in run.all("batch") if batch.flag("trained")]
    pairs = [pair for b in served for pair in zip(b.numbers("origins"), b.numbers("prints"), strict=False)]
    return any(seen.setdefault(origin, look) != look for origin, look in pairs)


def is_cut_short(run: Run) -> bool:
    """Whether a part of the program never ran: it may be what holds the network back, or ends the training."""
    return bool(run.raised) or run.has_instead("left out")


FEW = 8  # samples; a network that is to learn these by heart is a first example


def is_written_out(run: Run) -> bool:
    """Whether each pass is over the same few samples, as of a table that stands in the program."""
    passes = [call for call in run.all("forward") if call.flag("trained")]
    seen = {(call.number("rows"), call.number("input_mean"), call.number("input_spread")) for call in passes}
    return len(passes) > 1 and len(seen) == 1 and max(call.number("rows") for call in passes) <= FEW


rule = Rule(
    check,
    symptom,
    level="advice",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=20, epochs=2, seeds=1),
    options={
        "min-weights-per-sample": Option(
            20,
            "fewer are not reported",
            "bench/memorising.py: at 9 the held-out loss is 1.4 times that at 1 already",
        ),
        "max-samples": Option(
            5000,
            "larger data sets are reported with far more weights for each sample only",
            "Srivastava et al. 2014, figure 10",
        ),
        "min-weights-per-sample-of-many": Option(
            200,
            "the least of those",
            "bench/memorising.py many: at 204 the held-out loss is 2.2 times that at 1 after 20 epochs already",
        ),
        "min-epochs": Option(
            20,
            "shorter runs are not reported",
            "bench/memorising.py: after six epochs large networks do best",
        ),
    },
    words=("DataLoader", "backward"),
)
