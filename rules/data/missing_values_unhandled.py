"""One empty cell turns the loss, and with it every weight, into NaN.

`shift`, `diff`, rolling windows and left joins leave cells empty. In a tensor these are NaN, and NaN spreads: one of
them in a batch makes the loss NaN, the gradient NaN, and after one step every weight. Training goes on without an
error and learns nothing. Most models of scikit-learn refuse such a table with a `ValueError`.

```python bad
import pandas as pd
import torch
from torch import nn

frame = pd.DataFrame({"price": [float(i % 7) for i in range(200)]})
frame["yesterday"] = frame["price"].shift(1)  # lint: empty cells
x = torch.tensor(frame[["yesterday"]].values).float()
y = torch.tensor(frame[["price"]].values).float()
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(100):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
```

```python good
import pandas as pd
import torch
from torch import nn

frame = pd.DataFrame({"price": [float(i % 7) for i in range(200)]})
frame["yesterday"] = frame["price"].shift(1)
frame = frame.dropna()
x = torch.tensor(frame[["yesterday"]].values).float()
y = torch.tensor(frame[["price"]].values).float()
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(100):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
```

Known are calls that leave cells empty (`shift`, `diff`, `pct_change`, `rolling`, one-sided joins, `reindex`,
`to_numeric(errors="coerce")`), some tables that everybody uses (Titanic, penguins, mpg), and cells that a script counts and
says, and does nothing about. A file is not opened. Joins, `reindex`, `to_numeric` and what is only counted, which need not
leave any, are reported before a tensor only: scikit-learn says it itself.

## When it is fine

Rows dropped, cells filled, an imputer before the model, the first rows left out, columns that are not used. Trees and
boosting that take an empty cell for a value: XGBoost, LightGBM, CatBoost, scikit-learn's histogram boosting and forests.

## Fix

`dropna()` behind the last call that leaves cells empty; or fill them with what they mean: 0 for a count, the last value for
a series, else the median of the training part, with one more column that says that it was missing.

## How to see it

`frame.isna().sum()` before the tensor is made. Experiment: the share of losses that are NaN.

## What it costs

The model, whole. In the example above one empty cell of 200 makes all 100 losses NaN (CPU).

## Sources

pandas user guide, "Working with missing data"; scikit-learn's user guide, "Imputation of missing values", with its
list of estimators that handle NaN; Little and Rubin, "Statistical Analysis with Missing Data".
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for found in program.unhandled:
        where = f" in `{found.gap.column}`" if found.gap.column else ""
        harm = "which this model refuses" if found.raises else "which make the loss NaN"
        verb = "counts empty cells" if found.is_counted else "brings empty cells"
        yield Finding(
            found.node,
            f"`{text_of(found.node)}` {verb}{where}, {harm}",
            because=[(found.sink_node, "takes them to the model")],
            fix=found.edits,
            title="Drop the rows with an empty cell",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    lost, losses = spoilt(written)
    kept, others = spoilt(control)
    if not lost or not others or kept:
        return None
    return Effect(
        f"{lost} of {losses} losses are NaN; in the control none of {others}",
        {"nan": lost, "losses": losses, "nan_control": kept},
    )


def spoilt(runs: Runs) -> tuple[int, int]:
    """How many losses are NaN, and how many there are."""
    values = [call.number("value") for run in runs for call in run.all("criterion")]
    return sum(value != value for value in values), len(values)


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    words=(
        "shift",
        "diff",
        "pct_change",
        "rolling",
        "merge",
        "join",
        "reindex",
        "to_numeric",
        "read_csv",
        "load_dataset",
        "fetch_openml",
        "isnull",
        "isna",
    ),
)
