"""The gradient that the step uses is not the one that was clipped.

`clip_grad_norm_` shortens the gradients that are there when it is called, once. It has to stand between
`backward()` and `step()`, on the parameters that are stepped, and with a `GradScaler` behind
`scaler.unscale_(optimizer)`. Elsewhere nothing raises: after the step it shortens what is thrown away,
before the backward pass it finds nothing, and gradients that are still scaled (by 65,536 at first) are
shortened to a length that is then divided by the scale once more.

```python bad level=error
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
x = torch.randn(256, 20)
y = 20 * x.sum(1, keepdim=True)

for epoch in range(10):
    for inputs, targets in zip(x.split(32), y.split(32)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # lint: after
```

```python bad level=error
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
scaler = torch.amp.GradScaler()
x = torch.randn(256, 20)
y = 20 * x.sum(1, keepdim=True)

for epoch in range(10):
    for inputs, targets in zip(x.split(32), y.split(32)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        scaler.scale(loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # lint: scaled
        scaler.step(optimizer)
        scaler.update()
```

```python good
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
scaler = torch.amp.GradScaler()
x = torch.randn(256, 20)
y = 20 * x.sum(1, keepdim=True)

for epoch in range(10):
    for inputs, targets in zip(x.split(32), y.split(32)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
```

## When it is fine

Frameworks clip when it is time (Lightning's `gradient_clip_val`, `accelerator.clip_grad_norm_`, the
Hugging Face Trainer). A scaler with `enabled=False` scales nothing. Where a flag switches the scaler on,
this is a warning: the runs without it are right.

## Fix

The order is `backward()`, `unscale_` where there is a scaler, clip, `step()`. The fix moves the call, or
inserts `unscale_`. Where gradients pile up over several batches, unscale and clip in the turn that steps: `unscale_`
raises if it comes twice before `update()`. It changes how the network trains, since the bound starts to hold: look at the norm
that `clip_grad_norm_` returns before you keep the old bound.

## How to see it

Print the norm that `clip_grad_norm_` returns: after a clear or before `backward()` it is 0, on scaled
gradients it is in the ten thousands. Experiment: the norm of the gradient at each step against the
smaller of its true norm and the bound.

## What it costs

The examples' network, 80 steps, three seeds, CPU. With the clip after the step every update was longer
than the bound of 1 (342 on average, 1,225 at most). Clipped before `unscale_`, the norm at every step was
0.000015: SGD does not move. Adam divides by the gradient's size and hides most of it, until that comes
near its `eps`: at rate 0.01 the loss came to 478 to 564 in the steps in which it came to 299 to 393.

## Sources

PyTorch documentation, "Automatic Mixed Precision examples", section "Gradient clipping"; Pascanu, Mikolov
and Bengio, "On the difficulty of training recurrent neural networks" (2013); pytorch/examples issue 1196;
rwth-i6/returnn pull request 1595; taesunwhang/UMS-ResSel issue 3.
"""

from collections.abc import Iterator
from statistics import mean

from trainlint import Effect, Event, Finding, Needs, Options, Program, Rule, Run, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for placed in program.misplaced_clips:
        step = text_of(placed.step_node)
        why, place, role = {
            "after": (f"runs after `{step}`, which has used the unclipped gradients", placed.step_node, "steps first"),
            "before": ("runs before the backward pass: there is no gradient to clip yet", placed.backward_node, "computes the gradients, too late for the clip"),
            "scaled": (f"clips scaled gradients: `{step}` divides them by the loss scale afterwards", placed.step_node, "unscales them only here"),
            "others": (f"clips parameters that `{step}` does not step, and no other step of the loop uses what it clips", placed.step_node, "steps unclipped"),
            "again": (f"runs for every batch, but `{step}` and the scaler's `update()` only for one in several: the second call raises", placed.step_node, "steps seldom"),
        }[placed.why]  # fmt: skip
        yield Finding(
            placed.node,
            f"`{text_of(placed.node)}` {why}",
            because=[(place, role)],
            fix=placed.placed,
            control=placed.compared,
            title=_TITLES.get(placed.why, "Clip between backward and step"),
            level=placed.level,
            known=placed.known,
        )


_TITLES = {"scaled": "Unscale before the clip", "again": "Unscale and clip where the step is"}


def symptom(written: Runs, control: Runs) -> Effect | None:
    clips = [clip for run in written for clip in run.near("clip")]
    pairs = [pair for run in written for pair in steps_with_clips(run)]
    if not clips or not pairs:
        return None
    bound, length = clips[0].number("bound"), "norm" if clips[0].word("kind") == "norm" else "highest"
    at_step = "gradient_norm" if length == "norm" else "highest"
    above = [step.number(at_step) for step, _ in pairs if step.number(at_step) > 1.05 * bound > 0]
    below = [
        step.number(at_step)
        for step, clip in pairs
        if clip is not None and clip.number(length) > bound > 2 * step.number(at_step)
    ]
    empty = [clip for clip in clips if not clip.number("fresh_norm")]
    made_up = any("stand-in scaler" in said for run in written for said in run.substituted)
    measured = {"updates": len(pairs), "bound": bound, "above": len(above), "below": len(below)}
    if 2 * len(above) > len(pairs):
        said = f"{len(above)} of {len(pairs)} updates use a gradient above the bound of {bound:g}: {mean(above):.3g} on average"
        return Effect(said, measured)
    if 2 * len(below) > len(pairs):
        said = f"clipped to {bound:g}, but at {len(below)} of {len(pairs)} updates the gradient measures only {mean(below):.2g}"
        return Effect(said, measured, structure_only=made_up)
    if len(empty) == len(clips) and not all(map(is_clipped_otherwise, written)):
        said = f"all of {len(clips)} clips find no gradient that a step has still to use; the bound of {bound:g} was not reached here"
        return Effect(said, measured, structure_only=True)
    return None


def is_clipped_otherwise(run: Run) -> bool:
    """Whether each step has a clip that found its gradients: then one more, which finds none, takes nothing away."""
    found, clipped = [], False
    for event in run.events:
        if event.kind == "clip":
            clipped |= event.flag("fresh_norm")
        elif event.kind == "step":
            found.append(clipped)
            clipped = False
    return bool(found) and all(found)


def steps_with_clips(run: Run) -> Iterator[tuple[Event, Event | None]]:
    """Each step of a run, and the last clip between the step before and it."""
    last = None
    for event in run.events:
        if event.kind == "clip":
            last = event
        elif event.kind == "step":
            yield event, last
            last = None


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=8, order=True),
    words=("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm", "clamp_", "clip_"),
)
