"""Copies of a row are on both sides of the split: the model is judged on what it has learnt by heart.

Over-sampling repeats rows of the rare class, or mixes new ones of neighbours, until the classes are of one size.
Done before the split, it leaves some of the copies in the training part and others in the held-out one. A model
that merely remembers its rows then scores well on a class that it knows nothing about, and the share of
the rare class that it is judged on is not that of the world.

```python bad
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import resample

X, y = make_classification(300, 10, weights=[0.9], random_state=0)
more_X, more_y = resample(X[y == 1], y[y == 1], n_samples=240, random_state=0)  # lint: repeats rows
X, y = np.concatenate([X[y == 0], more_X]), np.concatenate([y[y == 0], more_y])
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = DecisionTreeClassifier().fit(X_train, y_train)
print(model.score(X_test, y_test))
```

```python good
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import resample

X, y = make_classification(300, 10, weights=[0.9], random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
more_X, more_y = resample(X_train[y_train == 1], y_train[y_train == 1], n_samples=180, random_state=0)
X_train = np.concatenate([X_train[y_train == 0], more_X])
y_train = np.concatenate([y_train[y_train == 0], more_y])
model = DecisionTreeClassifier().fit(X_train, y_train)
print(model.score(X_test, y_test))
```

```python bad
from imblearn.over_sampling import SMOTE
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X, y = make_classification(300, 10, weights=[0.9], random_state=0)
smote = SMOTE(random_state=0)
X, y = smote.fit_resample(X, y)  # lint: mixes new ones
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
print(KNeighborsClassifier().fit(X_train, y_train).score(X_test, y_test))
```

Followed are the over-samplers of imbalanced-learn (`SMOTE().fit_resample(X, y)` and its kin), scikit-learn's `resample`,
`sample(replace=True)` of pandas, and changed copies put behind the samples, up to a split by `train_test_split`,
`random_split`, slices, folds or cross-validation. Where only the training part of an earlier split is divided once more, it
is a warning: the test part stays clean.

## When it is fine

After the split, on the training part alone; inside a pipeline of imbalanced-learn, which repeats rows only where
it fits. Under-sampling repeats nothing. A bootstrap that is never divided afterwards.

## Fix

Split first, with `stratify=y`, then over-sample the training part. With cross-validation, put the sampler and the
model into `imblearn.pipeline.make_pipeline`. Or weigh the classes instead: `class_weight="balanced"`.

## How to see it

Count the held-out rows that the training part has as well. Experiment: that count, and that of held-out rows
which were mixed of others, against the same program without over-sampling.

## What it costs

1,000 rows of ten columns of noise and a class of 10 % drawn at random, repeated with `resample` until both classes are of
one size, a decision tree, 20 seeds, CPU: balanced accuracy on held-out rows 0.93 when over-sampled before the split and 0.49 when
after it. With classes that can be told apart (`make_classification`): 0.98 against 0.83 (`python bench/oversampling.py`).

## Sources

imbalanced-learn's user guide, "Common pitfalls and recommended practices: data leakage"; Santos, Soares, Abreu, Araujo
and Santos, "Cross-Validation for Imbalanced Datasets: Avoiding Overoptimistic and Overfitting Approaches" (2018).
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Options, Program, Rule, Runs, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for copied in program.oversampled:
        yield Finding(
            copied.fit.node,
            f"`{text_of(copied.fit.callee)}` repeats rows, or mixes new ones of them, before `{text_of(copied.split.place)}` "
            "holds some of them out",
            because=[(copied.split.node, "divides the rows, with copies on both sides")],
            fix=copied.edits,
            control=copied.alone,
            title="Over-sample the training part only",
            level=None if copied.is_certain else "warning",
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    for run, other in zip(written, control, strict=False):
        shares = [(e.number("shared"), e.number("test")) for e in run.all("divided")]
        fair = max((e.number("shared") for e in other.all("divided")), default=0.0)
        shared, held_out = max(shares, default=(0.0, 0.0))
        if shared > fair:
            said = f"of {held_out:g} held-out rows {shared:g} are copies of rows that train, or are mixed of rows"
            return Effect(
                f"{said}; of the control's {fair:g}",
                {"shared": shared, "held_out": held_out, "shared_control": fair},
            )
    return None


rule = Rule(
    check,
    symptom,
    level="error",
    fix="unsafe",
    since="0.1",
    words=("fit_resample", "fit_sample", "resample", "replace", "random_split", "train_test_split"),
)
