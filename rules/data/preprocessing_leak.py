"""The preprocessing has already seen the rows that the model is judged on.

A scaler, an imputer, a vocabulary, a PCA or a feature selection learns from the rows that it is fitted
to. Fitted before the split, it carries what the held-out rows are like into the training data, and the
score on them is no longer that of new data. Scaling costs little; selecting features or encoding by the
target makes pure noise look predictable.

```python bad
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

X, y = make_classification(200, 500, n_informative=5, random_state=0)
X = SelectKBest(k=20).fit_transform(X, y)  # lint: which features to keep
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = LogisticRegression().fit(X_train, y_train)
print(model.score(X_test, y_test))
```

```python good
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

X, y = make_classification(200, 500, n_informative=5, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
selector = SelectKBest(k=20).fit(X_train, y_train)
model = LogisticRegression().fit(selector.transform(X_train), y_train)
print(model.score(selector.transform(X_test), y_test))
```

Followed are scikit-learn's transformers and functions, statistics that are taken by hand
(`(x - x.mean()) / x.std()`, `fillna(x.mean())`), lists of words by torchtext and by Hugging Face's `WordLevel`, and
splits by `train_test_split`, `random_split`, slices, masks, folds and cross-validation. By hand, for words, for categories, and for a validation part that is
taken of the training part (another file is transformed by what was learnt) it is a warning, else an error; for a
mere change of units that only trees or plain least squares would see, which answer the same in any, it is advice.

## When it is fine

Fitted to the training part only, or inside a `Pipeline` that cross-validation fits anew. What
transforms each row by itself: `Normalizer`, a logarithm, division by 255. Names of classes
(`LabelEncoder` on targets). A projection for a picture. Transductive work, where the test inputs are
given and nothing else is ever predicted: suppress it with a comment that says so.

## Fix

Split first; `fit_transform` the training part, `transform` the other. With cross-validation, put the
transformer and the model into one `make_pipeline`.

## How to see it

Replace the features by noise: an honest score falls to chance. Experiment: how many rows the
transformer was fitted to against how many the split leaves for training, and what it learnt.

## What it costs

200 samples of 5,000 features of pure noise, the 20 best kept, logistic regression, 20 seeds, CPU:
accuracy on held-out rows 0.81 when selected before the split, 0.51 when selected after it. A
`StandardScaler` before the split of the same data: 0.53 against 0.52.

## Sources

scikit-learn's user guide, "Common pitfalls and recommended practices: data leakage"; Kaufman, Rosset and
Perlich, "Leakage in Data Mining" (2011); Yang, Brower-Sinning, Lewis and Kästner, "Data Leakage in
Notebooks: Static Detection and Better Processes" (2022); Hastie, Tibshirani and Friedman, "The Elements
of Statistical Learning", section 7.10.2.
"""

from collections.abc import Iterator

from trainlint import Effect, Event, Finding, Options, Program, Rule, Run, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for leak in program.leaks:
        mended = leak.edits
        others = f" (and {len(leak.more)} more like it)" if leak.more else ""
        holds = "divides afterwards" if leak.split.inside else "holds out"
        yield Finding(
            leak.fit.node,
            f"`{text_of(leak.fit.callee)}` learns {leak.learns} from rows that `{text_of(leak.split.place)}` {holds}"
            f"{others}",
            because=[
                (leak.split.node, "divides the rows"),
                *((fit.node, "learns too") for fit in leak.more[:4]),
            ],
            fix=mended,
            control=[] if mended else leak.narrowed,
            title="Fit to the training part only",
            level="advice" if not leak.is_felt else None if leak.is_certain else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run, other in zip(written, control, strict=False):
        total = max((e.number("train") + e.number("test") for e in run.all("divided")), default=0.0)
        whole = [fit for fit in run.near("fitted") if total and fit.number("rows") >= total]
        part = [fit for fit in other.near("fitted") if 0 < fit.number("rows") < total]
        if whole and part and whole[0].numbers("learnt") != part[0].numbers("learnt"):
            rows, fair = whole[0].number("rows"), part[0].number("rows")
            learnt, fairly = whole[0].numbers("learnt")[:1], part[0].numbers("learnt")[:1]
            said = f"fitted to {rows:g} rows, all that there are; the control to the {fair:g} that train"
            if learnt and fairly:
                said += f", and it learns {fairly[0]:.4g} where this learns {learnt[0]:.4g}"
            return Effect(
                said, {"rows": rows, "rows_control": fair, "learnt": learnt, "learnt_control": fairly}
            )
        if (found := of_all_values(run, other) or of_held_out(run, other)) is not None:
            return found
    return None


def of_all_values(run: Run, other: Run) -> Effect | None:
    """A fit to as many values as are divided by hand afterwards, in windows for one, where the control's are fewer."""
    fits, fair = run.all("fitted"), other.all("fitted")
    divided = {e.number("values") for e in run.all("divided") if e.number("values")}
    for fit, less in zip(fits, fair, strict=False) if len(fits) == len(fair) else ():
        whole, part = fit.number("values"), less.number("values")
        if whole in divided and 0 < part < whole and fit.numbers("learnt") != less.numbers("learnt"):
            said = f"fitted to {whole:g} values, all that are divided afterwards; the control to {part:g}"
            return Effect(said, {"values": whole, "values_control": part})
    return None


def of_held_out(run: Run, other: Run) -> Effect | None:
    """A split of which the smaller share comes from rows that were fitted to, as windows of a scaled series do."""
    cuts, fair = behind_fit(run), behind_fit(other)
    for cut, less in zip(cuts, fair, strict=False) if len(cuts) == len(fair) else ():
        share, part = cut.number("fitted"), less.number("fitted")
        if share > 0.95 and part < 0.9 * share:
            said = f"{share:.0%} of the numbers in each part of the split come from rows that were fitted to"
            said += f"; with the control {part:.0%}"
            learnt, fairly = ([fit.numbers("learnt") for fit in one.all("fitted")] for one in (run, other))
            if learnt == fairly:
                said += ", and both learn the same numbers"
            return Effect(said, {"fitted": share, "fitted_control": part}, structure_only=learnt == fairly)
    return None


def behind_fit(run: Run) -> list[Event]:
    """The splits of what something was fitted to by then: a control may cut before it fits."""
    fits = [place for place, event in enumerate(run.events) if event.kind == "fitted"]
    return [event for event in run.events[min(fits, default=len(run.events)) :] if event.kind == "divided"]


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    words=("fit_transform", "fit", "train_test_split", "random_split", "mean", "std"),
)
