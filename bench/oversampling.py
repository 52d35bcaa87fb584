"""What a decision tree seems to be worth when a rare class is over-sampled before the split, and when after it."""

from __future__ import annotations

from statistics import mean
from typing import Any


def drawn(seed: int, noise: bool, rows: int = 1000, columns: int = 10) -> tuple[Any, Any]:
    """Rows (rows, columns) with one class of 10 %, drawn by lot or told apart by some of the columns."""
    import numpy as np
    from sklearn.datasets import make_classification

    if not noise:
        x, y = make_classification(rows, columns, weights=[0.9], random_state=seed)
        return x, y
    draw = np.random.RandomState(seed)
    return draw.randn(rows, columns), (draw.rand(rows) < 0.1).astype(int)


def even(x: Any, y: Any, seed: int) -> tuple[Any, Any]:
    """The rows with those of the rare class repeated until both classes are of one size."""
    import numpy as np
    from sklearn.utils import resample

    more_x, more_y = resample(x[y == 1], y[y == 1], n_samples=int((y == 0).sum()), random_state=seed)
    return np.concatenate([x[y == 0], more_x]), np.concatenate([y[y == 0], more_y])


def score(seed: int, noise: bool, before: bool) -> float:
    """The balanced accuracy on held-out rows, over-sampled before the split or in the training part alone."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import train_test_split
    from sklearn.tree import DecisionTreeClassifier

    x, y = drawn(seed, noise)
    if before:
        x, y = even(x, y, seed)
    kept = None if before else y
    x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=kept, random_state=seed)
    if not before:
        x_train, y_train = even(x_train, y_train, seed)
    tree = DecisionTreeClassifier(random_state=seed).fit(x_train, y_train)
    return float(balanced_accuracy_score(y_test, tree.predict(x_test)))


def main() -> None:
    for noise in (True, False):
        before, after = (mean(score(seed, noise, when) for seed in range(20)) for when in (True, False))
        print(f"{'noise' if noise else 'told apart'}: {before:.2f} before the split, {after:.2f} after it")


if __name__ == "__main__":
    main()
