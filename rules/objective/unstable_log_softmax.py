"""The loss turns to infinity or NaN once the network is sure: a probability is 0 before its logarithm is taken.

A softmax or sigmoid of scores far apart gives exactly 0 in single precision: at a gap of some 104, for
`1 - sigmoid(x)` at x = 17. Its logarithm is minus infinity and its gradient NaN, and one optimizer step with it
makes all weights NaN. `log_softmax` and `logsigmoid` do both steps in one and stay exact at any gap. Nothing
shows while the network is unsure: it happens late, on outliers, or in half precision much earlier. The same
holds of `log(sum(exp(x)))` and `log(1 + exp(x))` written out: of a score above 88 the exponential is infinite.

```python bad level=warning
import torch
from torch import nn

model = nn.Linear(20, 5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(5, (32,))
    log_chance = torch.log(torch.softmax(model(x), dim=1))  # lint: log of softmax
    loss = nn.functional.nll_loss(log_chance, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

```python good
import torch
from torch import nn

model = nn.Linear(20, 5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10):
    x, y = torch.randn(32, 20), torch.randint(5, (32,))
    log_chance = torch.log_softmax(model(x), dim=1)
    loss = nn.functional.nll_loss(log_chance, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## When it is fine

Scores from which their maximum was taken before the exponential, `torch.logsumexp`, losses that take scores
(`CrossEntropyLoss`, `BCEWithLogitsLoss`). A small constant within the logarithm, or a clamp, keeps the value
finite: that is only advice, since the clear mistakes, which matter most, then get hardly any gradient or none.
Logarithms that no backward pass goes through.

## Fix

`log_softmax(x, dim=...)` for the logarithm of a softmax, `logsigmoid(x)` for that of a sigmoid and
`logsigmoid(-x)` for that of `1 - sigmoid(x)`, `torch.logsumexp(x, dim=...)` for that of a sum of exponentials
and `softplus(x)` for that of `1 + exp(x)`. The value is the same wherever the two steps had one.

## How to see it

`torch.autograd.set_detect_anomaly(True)` names `LogBackward`. Experiment: the scores of a batch are moved 200
apart, and the share of results that are infinite or NaN is counted.

## What it costs

Measured in PyTorch 2.13 on the CPU, two scores: at a gap of 100 the value is off by 0.02 and the gradient
NaN, from 104 on the value is minus infinity. `log(1 - sigmoid(x))`: minus infinity at x = 17. The stable form
gives -100, -104 and -17, and is faster: one pass instead of two.

## Sources

PyTorch documentation of `torch.nn.functional.log_softmax` ("doing these two operations separately is slower
and numerically unstable") and `torch.nn.functional.logsigmoid`; Goodfellow, Bengio and Courville, "Deep
Learning", section 4.1; Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax
functions" (2021).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, text_of

NAMES = {
    "opposite": "1 - sigmoid",
    "quotient": "exp / sum(exp)",
    "exponentials": "sum(exp)",
    "one more": "1 + exp",
}

WHY = {False: "the probability, 0 for scores far apart", True: "infinite where a score is above 88"}


def check(program: Program, options: Options) -> Iterator[Finding]:
    for log in program.logs_of_probabilities:
        harm = (
            "gets no gradient where it is wrong"
            if log.guarded
            else "is infinite for scores above 88"
            if log.overflows
            else "is infinite or NaN for scores far apart"
        )
        because = [(log.inner.node, WHY[log.overflows])] if log.inner.node is not None else []
        yield Finding(
            log.node,
            f"`{text_of(log.node)}`, the log of {NAMES.get(log.kind, log.kind)}, {harm}: use `{log.stable}`",
            because=because,
            fix=log.in_one_step,
            control=[] if log.in_one_step else log.kept_finite,
            title=f"Take the logarithm in one step with {log.stable}",
            level="advice" if log.guarded else None,
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    logs = [log for run in written for log in run.near("log")]
    lost = [log.number("lost") for log in logs if log.flag("lost")]
    if not lost or any(log.flag("lost") for run in control for log in run.near("log")):
        return None  # one of several logarithms in a statement cannot be told from the others
    share = sum(lost) / len(lost)
    said = f"with the scores of a batch {logs[0].number('gap'):g} apart, {share:.0%} of the logarithms are infinite or NaN"
    return Effect(f"{said}; with the control none is", {"lost": share, "logarithms": len(logs)})


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="safe",
    since="0.1",
    needs=Needs(steps=4),
    words=("softmax", "Softmax", "sigmoid", "Sigmoid", "exp"),
)
