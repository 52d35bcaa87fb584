"""Too much of the data is held out from training, or too little to judge the model by.

Every row that is held out is one less to learn from, and every row that is not is one less to tell a good model
from a lucky one. With half of the data held out the model is worse than it need be; with a handful of rows
held out its score is mostly noise: of 20 rows, one more right answer is 5 points of accuracy.

```python bad
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.7)  # lint: 70 %
print(LogisticRegression(max_iter=5000).fit(X_train, y_train).score(X_test, y_test))
```

```python bad
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.04)  # lint: 6 of 150 rows
print(SVC().fit(X_train, y_train).score(X_test, y_test))
```

```python good
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2)
print(LogisticRegression(max_iter=5000).fit(X_train, y_train).score(X_test, y_test))
```

## When it is fine

Cross-validation, where every row is held out once. Millions of rows: one percent of them is plenty to judge by,
so a small share is reported only where the program shows that the data is small, or goes over it many
times in one process. Curves over the size of the training set, few-shot and semi-supervised work. A sample that is drawn with the function and whose rest
is thrown away.

## Fix

Hold out a fifth to a third: `test_size=0.2`. For less than a thousand rows, cross-validate.

## How to see it

Repeat the split with ten seeds: the spread of the scores is what the single one is worth. Static only: no
experiment.

## What it costs

Logistic regression on the scaled breast cancer data, 50 splits, CPU: accuracy 0.968 (scattering by 0.008) when
70 % are held out, 0.977 (0.011) with 20 %, and 0.983 (0.031) with 4 %.

## Options

`largest` (0.4) and `smallest` (0.05): shares of a held-out part outside of these are reported. `train` (0.5): so
is a smaller share to train on. `huge` (100000): more rows than these may be split as one likes. `epochs` (10): data
of unknown size that is gone over so often is not taken for huge.

## Sources

Dobbin and Simon, "Optimally splitting cases for training and testing high dimensional classifiers" (2011):
between 40 and 80 % for training is best in most cases, two thirds a good rule; Goodfellow, Bengio and Courville,
"Deep Learning", section 5.3; Ng, "Machine Learning Yearning", chapter 8, on large data.
"""

from collections.abc import Iterator

from trainlint import Finding, Option, Options, Program, Rule, default_of, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    largest, smallest = options.number("largest"), options.number("smallest")
    for share in program.shares:
        if share.rows is not None and share.rows > options.number("huge"):
            continue
        wasteful = share.held_out > largest or share.train < options.number("train")
        again = share.epochs >= options.number("epochs")
        noisy = share.held_out < smallest and (share.rows is not None or again)
        if not (wasteful or noisy):
            continue
        under = default_of(share.under)
        said = f"{share.held_out:.0%} of the rows and trains on {share.train:.0%}".replace("%", " %")
        if noisy:
            said += ": unless these are tens of thousands, too few to tell models apart"
            if share.rows is not None:
                said = f"{share.held_out * share.rows:.0f} of {share.rows} rows, too few to tell models apart"
        yield Finding(
            share.node,
            f"`{text_of(share.callee)}` holds out {said}{under}",
            because=[(size, "says how much") for size in share.sizes],
            fix=share.edits,
            title="Hold out a fifth",
        )


rule = Rule(
    check,
    None,
    level="advice",
    fix="unsafe",
    since="0.1",
    options={
        "largest": Option(
            0.4,
            "a larger share of one held-out part is reported",
            "Dobbin and Simon 2011: train on 40 to 80 %",
        ),
        "smallest": Option(
            0.05,
            "a smaller share is reported where the data is small",
            "binomial standard error: 50 of 1,000 rows tell an accuracy of 0.9 to 4 points",
        ),
        "train": Option(0.5, "a smaller share to train on is reported", "Dobbin and Simon 2011: two thirds"),
        "epochs": Option(
            10,
            "a run over so many epochs has no huge data: a small share of unknown rows is reported from there on",
            "a guess: what is huge is gone over a few times",
        ),
        "huge": Option(
            100000, "more rows than these may be split as one likes", "Ng, Machine Learning Yearning"
        ),
    },
    words=("train_test_split", "random_split", "permutation", "randperm", "sample"),
)
