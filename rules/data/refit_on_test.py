"""Training and test data are transformed by different rules, as the transformer is fitted anew.

A transformer that is fitted to the test data measures it by its own mean, its own words, its own axes. A
value of 1.0 then means one thing to the model in training and another one in the test: the score is wrong,
in either direction, and nothing tells. It also uses all test rows at once, which a model in service never has.

```python bad
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

X, y = make_regression(200, 5, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.fit_transform(X_test)  # lint: fitted anew
model = KNeighborsRegressor().fit(X_train, y_train)
print(model.score(X_test, y_test))
```

```python good
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

X, y = make_regression(200, 5, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=0)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)
model = KNeighborsRegressor().fit(X_train, y_train)
print(model.score(X_test, y_test))
```

## When it is fine

What learns nothing of other rows, such as `Normalizer`. A projection of the test data for a picture. Labels
that are numbered anew are a warning: the numbers differ only where a class is missing. Methods that
adapt to each new domain on purpose: say so in a suppression.

## Fix

`fit_transform` for the training data, `transform` for all other data; or a `Pipeline`, which does it.

## How to see it

Transform one row with both fits: the results differ. Experiment: what the transformer has learnt after
either fit.

## What it costs

Five nearest neighbours on 200 samples of such data, 20 seeds, CPU: R² 0.84 with `transform` and 0.80 when
fitted anew to a test part of 20 rows; 0.79 against 0.78 with 100 rows. Single splits differ by 0.06.

## Sources

scikit-learn's user guide, "Common pitfalls and recommended practices: inconsistent preprocessing";
Kaufman, Rosset and Perlich, "Leakage in Data Mining" (2011).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for refit in program.refits:
        yield Finding(
            refit.fit.node,
            f"`{text_of(refit.fit.node)}` is fitted anew to held-out data, which the model then reads by another measure",
            because=[(refit.first.node, "the fit that the model learns with")],
            fix=refit.edits,
            control=[] if refit.edits else refit.kept,
            title="Transform by what was fitted to the training data",
            level=None if refit.is_certain else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run, other in zip(written, control, strict=False):
        fits, fewer = run.all("fitted"), other.all("fitted")
        again = [fit for fit in fits if fit.data.get("at")] or list(fits[-1:])
        if len(fits) <= len(fewer) or len(fits) < 2 or not again:
            continue
        first, last = fits[0].numbers("learnt"), again[-1].numbers("learnt")
        if first and last and first != last:
            said = f"it learns {first[0]:.4g} of the training data and {last[0]:.4g} of the held-out data"
            return Effect(
                f"{said}; the control uses the one fit for both", {"learnt": first, "learnt_anew": last}
            )
    return None


rule = Rule(
    check, symptom, level="error", fix="unsafe", since="0.1", words=("fit_transform", "fit", "mean", "min")
)
