"""Between which numbers well-known data lies: columns of tables, pictures, random numbers."""

from __future__ import annotations

Columns = tuple[tuple[str, float, float], ...]

_HOUSING: Columns = (
    ("MedInc", 0.5, 15.0), ("HouseAge", 1.0, 52.0), ("AveRooms", 0.85, 142.0), ("AveBedrms", 0.33, 34.0),
    ("Population", 3.0, 35682.0), ("AveOccup", 0.7, 1243.0), ("Latitude", 32.5, 42.0), ("Longitude", -124.4, -114.3),
)  # fmt: skip
_WINE: Columns = (
    ("alcohol", 11.0, 14.8), ("malic_acid", 0.7, 5.8), ("ash", 1.4, 3.2), ("alcalinity_of_ash", 10.6, 30.0),
    ("magnesium", 70.0, 162.0), ("total_phenols", 1.0, 3.9), ("flavanoids", 0.3, 5.1), ("nonflavanoid_phenols", 0.13, 0.66),
    ("proanthocyanins", 0.4, 3.6), ("color_intensity", 1.3, 13.0), ("hue", 0.5, 1.7),
    ("od280/od315_of_diluted_wines", 1.3, 4.0), ("proline", 278.0, 1680.0),
)  # fmt: skip
_TUMOURS: Columns = tuple(
    (f"{kind} {name}" if kind != "error" else f"{name} {kind}", low, high)
    for kind, extents in (
        ("mean", (7, 28.1, 9.7, 39.3, 43.8, 188.5, 143.5, 2501, 0.053, 0.163, 0.019, 0.345, 0, 0.427, 0, 0.201, 0.106, 0.304, 0.05, 0.097)),
        ("error", (0.11, 2.87, 0.36, 4.9, 0.76, 22, 6.8, 542, 0.002, 0.031, 0.002, 0.135, 0, 0.396, 0, 0.053, 0.008, 0.079, 0.001, 0.03)),
        ("worst", (7.9, 36, 12, 49.5, 50.4, 251, 185, 4254, 0.071, 0.223, 0.027, 1.06, 0, 1.25, 0, 0.291, 0.157, 0.664, 0.055, 0.207)),
    )
    for name, low, high in zip(
        (
            "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
            "symmetry", "fractal dimension",
        ),
        extents[::2],
        extents[1::2],
        strict=True,
    )
)  # fmt: skip
_DIABETES: Columns = (
    ("age", 19.0, 79.0), ("sex", 1.0, 2.0), ("bmi", 18.0, 42.2), ("bp", 62.0, 133.0), ("s1", 97.0, 301.0),
    ("s2", 41.6, 242.4), ("s3", 22.0, 99.0), ("s4", 2.0, 9.1), ("s5", 3.3, 6.1), ("s6", 58.0, 124.0),
)  # fmt: skip
_IRIS: Columns = (
    ("sepal length (cm)", 4.3, 7.9),
    ("sepal width (cm)", 2.0, 4.4),
    ("petal length (cm)", 1.0, 6.9),
    ("petal width (cm)", 0.1, 2.5),
)
# scikit-learn's data sets, by their loader; `load_diabetes` only with `scaled=False`.
LOADED: dict[str, Columns] = {
    "sklearn.datasets.fetch_california_housing": _HOUSING,
    "sklearn.datasets.load_wine": _WINE,
    "sklearn.datasets.load_breast_cancer": _TUMOURS,
    "sklearn.datasets.load_diabetes": _DIABETES,
    "sklearn.datasets.load_iris": _IRIS,
}
# Tables that everybody knows, by a word in the path or name: some of their columns of numbers.
NAMED: dict[str, Columns] = {
    "titanic": (("Pclass", 1, 3), ("Age", 0.4, 80), ("SibSp", 0, 8), ("Parch", 0, 6), ("Fare", 0, 512)),
    "winequality": (
        ("volatile acidity", 0.1, 1.6), ("chlorides", 0.01, 0.6), ("total sulfur dioxide", 6, 440), ("density", 0.99, 1.04),
    ),
    "pima": (("Pregnancies", 0, 17), ("Glucose", 0, 199), ("Insulin", 0, 846), ("DiabetesPedigreeFunction", 0.08, 2.4)),
    "churn_modelling": (
        ("CreditScore", 350, 850), ("Age", 18, 92), ("Tenure", 0, 10), ("Balance", 0, 250_898), ("NumOfProducts", 1, 4),
        ("EstimatedSalary", 11, 199_992),
    ),
    "insurance": (("age", 18, 64), ("bmi", 16, 53), ("children", 0, 5)),
    "boston": (("CRIM", 0, 89), ("NOX", 0.38, 0.87), ("RM", 3.5, 8.8), ("TAX", 187, 711), ("B", 0.3, 397)),
    "creditcard": (("Time", 0, 172_792), ("V1", -57, 2.5), ("Amount", 0, 25_691)),
}  # fmt: skip
# What columns of a table that nobody has seen hold, by the words of their names: amounts of money, shares, ages.
MEANT: tuple[tuple[frozenset[str], float], ...] = (
    (frozenset("ratio rate share fraction probability percent pct".split()), 1.0),
    (
        frozenset("income salary wage price revenue balance amount loan sales turnover population".split()),
        50_000.0,
    ),
    (frozenset("sqft mileage odometer altitude elevation calories".split()), 5_000.0),
    (frozenset("zipcode zip postcode".split()), 90_000.0),
    (frozenset("pressure hpa mbar".split()), 1_000.0),
    (frozenset("age years tenure".split()), 80.0),
    (frozenset("children rooms bedrooms bathrooms floors".split()), 10.0),
)
# Names of columns that hold quantities far beyond 1, and the words that may stand beside them.
QUANTITIES = frozenset(
    "age income salary wage price revenue sales population weight height temperature mileage horsepower area cost year".split()
)
BESIDE_QUANTITIES = frozenset(
    "years usd eur euro dollars total mean median average avg annual monthly yearly selling sale house car person patient in kg"
    " cm lbs celsius target value".split()
)
NOT_RAW = ("clean", "prepared", "processed", "scaled", "normal", "standard", "preproc", "features", "encoded")

# What reads a picture as bytes, or gives its bytes.
READING = frozenset(
    "PIL.Image.open cv2.imread cv2.imdecode torchvision.io.read_image torchvision.io.decode_image imageio.imread"
    " imageio.v2.imread imageio.v3.imread skimage.io.imread torchvision.datasets.folder.default_loader"
    " torchvision.datasets.folder.pil_loader".split()
)
# What gives whatever bytes a file holds: pictures, where they are put into rows of them.
RAW_BYTES = frozenset("numpy.frombuffer numpy.fromfile numpy.memmap".split())
# Functions that change a picture and leave its pixels where they were, between 0 and 255.
ALTERING = frozenset(
    "cv2.copyMakeBorder cv2.GaussianBlur cv2.blur cv2.medianBlur cv2.bilateralFilter cv2.warpAffine cv2.warpPerspective"
    " cv2.rotate cv2.transpose cv2.equalizeHist cv2.remap numpy.pad numpy.roll numpy.copy numpy.swapaxes numpy.rollaxis"
    " PIL.ImageOps.fit PIL.ImageOps.pad PIL.ImageOps.expand PIL.ImageOps.equalize PIL.ImageOps.autocontrast"
    " PIL.ImageOps.grayscale PIL.ImageOps.exif_transpose scipy.ndimage.rotate scipy.ndimage.shift".split()
)
SWAPPING = frozenset(("COLOR_BGR2RGB", "COLOR_RGB2BGR"))  # the order of colours
# torchvision's data sets of photographs and drawings, whose samples are pictures.
PICTURES = frozenset(
    "MNIST FashionMNIST KMNIST QMNIST EMNIST USPS CIFAR10 CIFAR100 SVHN STL10 ImageFolder DatasetFolder ImageNet Caltech101"
    " Caltech256 Flowers102 Food101 GTSRB DTD EuroSAT StanfordCars OxfordIIITPet FGVCAircraft Country211 PCAM"
    " RenderedSST2 SUN397 LFWPeople CelebA Places365 INaturalist FER2013 Imagenette".split()
)
ARRAYS = frozenset(
    "MNIST FashionMNIST KMNIST QMNIST EMNIST CIFAR10 CIFAR100 SVHN STL10 USPS".split()
)  # have `.data`

# Functions and methods behind which the numbers are what they were.
KEEPING_FUNCTIONS = frozenset(
    "torch.tensor torch.from_numpy torch.as_tensor torch.Tensor torch.FloatTensor torch.autograd.Variable torch.flatten"
    " torch.unsqueeze torch.squeeze torch.permute torch.transpose torch.reshape torch.flip numpy.array numpy.asarray"
    " numpy.float32 numpy.float64 numpy.transpose numpy.expand_dims numpy.ascontiguousarray numpy.moveaxis numpy.reshape"
    " numpy.squeeze numpy.flip numpy.fliplr numpy.flipud numpy.rot90 PIL.Image.fromarray PIL.ImageOps.mirror PIL.ImageOps.flip cv2.flip cv2.resize pandas.DataFrame copy.deepcopy builtins.list".split()
)
KEEPING_METHODS = frozenset(
    "to float double half type astype reshape view permute transpose unsqueeze squeeze flatten contiguous cuda cpu clone"
    " copy detach numpy to_numpy convert resize rotate crop tolist requires_grad_ reset_index head sample sort_values"
    " expand repeat type_as dropna swapaxes movedim flip fliplr flipud rot90 roll ravel thumbnail".split()
)
TO_FLOATS = frozenset(
    "torch.Tensor torch.FloatTensor numpy.float32 numpy.float64 float double half builtins.float".split()
)
SIDE_BY_SIDE = frozenset("numpy.column_stack numpy.c_ numpy.hstack".split())
JOINING = frozenset("torch.cat torch.concat torch.concatenate torch.stack torch.hstack torch.column_stack numpy.concatenate numpy.stack".split())  # fmt: skip
# Random numbers by what their arguments say: low and high, mean and deviation, or nothing.
UNIFORM = frozenset(("uniform", "randint", "integers", "random_integers", "uniform_"))
NORMAL = frozenset(("normal", "normal_", "laplace"))
UNIT = frozenset(("rand", "random", "random_sample", "beta"))
STANDARD = frozenset(("randn", "standard_normal"))
WIDE = 2.0  # deviations to each side that stand for a normal distribution
