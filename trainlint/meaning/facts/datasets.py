"""Known data sets: how many classes their targets have, or which range; and the loaders that serve them."""

from __future__ import annotations

LOADERS = frozenset(
    "torch.utils.data.DataLoader torch_geometric.loader.DataLoader torch_geometric.data.DataLoader"
    " torchdata.stateful_dataloader.StatefulDataLoader monai.data.DataLoader dgl.dataloading.GraphDataLoader".split()
)

# scikit-learn's loaders: number of classes of the target.
CLASSES: dict[str, int] = {
    "sklearn.datasets.load_iris": 3,
    "sklearn.datasets.load_wine": 3,
    "sklearn.datasets.load_digits": 10,
    "sklearn.datasets.load_breast_cancer": 2,
    "sklearn.datasets.make_moons": 2,
    "sklearn.datasets.make_circles": 2,
    "sklearn.datasets.fetch_covtype": 7,
    "sklearn.datasets.fetch_20newsgroups": 20,
}
# scikit-learn's regression loaders: range of the target, by its documentation.
RANGES: dict[str, tuple[float, float]] = {
    "sklearn.datasets.load_diabetes": (25.0, 346.0),
    "sklearn.datasets.fetch_california_housing": (0.15, 5.0),
    "sklearn.datasets.make_regression": (-300.0, 300.0),
    "sklearn.datasets.make_friedman1": (0.0, 30.0),
}
# torchvision data sets with one class index per sample, and the number of classes where it is fixed.
SINGLE_LABEL: dict[str, int | None] = {
    "MNIST": 10, "FashionMNIST": 10, "KMNIST": 10, "QMNIST": 10, "EMNIST": None, "CIFAR10": 10, "CIFAR100": 100,
    "SVHN": 10, "STL10": 10, "ImageFolder": None, "ImageNet": 1000, "Caltech101": 101, "Caltech256": 257,
    "Flowers102": 102, "Food101": 101, "GTSRB": 43, "DTD": 47, "EuroSAT": 10, "StanfordCars": 196, "OxfordIIITPet": 37,
}  # fmt: skip
