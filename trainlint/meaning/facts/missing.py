"""Empty cells: which calls bring them, which take them away, which models bear them."""

from __future__ import annotations

BRINGING = frozenset("shift diff pct_change reindex".split())
WINDOWS = frozenset(("rolling", "ewm"))
JOINING = frozenset(("merge", "join"))
ONE_SIDED = frozenset(("left", "right", "outer"))
# Methods and functions behind which nobody can say that cells are still empty.
TAKING_AWAY = frozenset(
    "dropna fillna interpolate ffill bfill pad backfill combine_first notna notnull isna isnull mask where replace"
    " nan_to_num query map apply applymap pipe groupby agg aggregate resample cumsum cumcount rank clip asfreq"
    " nanmean nanstd nansum filter loc_isin assign eval transform_impute set_index_drop update masked_fill".split()
)
# Tables that everybody knows, by a word in their name or path: the columns with empty cells.
KNOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "seaborn.load_dataset": {
        "titanic": ("age", "deck", "embarked", "embark_town"),
        "penguins": ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex"),
        "mpg": ("horsepower",),
    },
    "pandas.read_csv": {
        "titanic": ("Age", "Cabin", "Embarked"),
        "water_potability": ("ph", "Sulfate", "Trihalomethanes"),
        "house-prices-advanced": (
            "LotFrontage",
            "MasVnrArea",
            "GarageYrBlt",
            "Alley",
            "PoolQC",
            "MiscFeature",
        ),
        "stroke-data": ("bmi",),
        "melb_data": ("Car", "BuildingArea", "YearBuilt", "CouncilArea"),
        "weatheraus": ("MinTemp", "MaxTemp", "Rainfall", "Evaporation", "Sunshine", "Cloud9am", "Cloud3pm"),
        "cs-training": ("MonthlyIncome", "NumberOfDependents"),
        "penguins_size": ("culmen_length_mm", "culmen_depth_mm", "flipper_length_mm", "body_mass_g", "sex"),
        "penguins_lter": ("Culmen Length (mm)", "Culmen Depth (mm)", "Body Mass (g)", "Sex"),
        "application_train": ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "OWN_CAR_AGE"),
    },
    "sklearn.datasets.fetch_openml": {"titanic": ("age", "cabin", "boat", "body", "home.dest")},
}
# Of these columns the ones with words: `pandas.get_dummies` makes columns of zeros and ones of them, gaps or not.
WORDS = frozenset(
    "deck embarked embark_town sex Sex Cabin Embarked cabin boat home.dest Alley PoolQC MiscFeature CouncilArea".split()
)
NOT_KNOWN = ("spaceship", "clean", "prepared", "processed", "filled", "imputed")  # tables of another content
# Words beside the name that leave a file what it is.
PLAIN = frozenset(
    "csv txt tsv gz zip train training test data dataset set raw full all original kaggle passengers passenger list the"
    " machine learning from disaster healthcare prediction".split()
)
# scikit-learn's estimators that raise on an empty cell; trees and boosting take it for a value.
REFUSING = frozenset(
    "LinearRegression Ridge Lasso ElasticNet LogisticRegression SGDClassifier SGDRegressor Perceptron SVC SVR LinearSVC"
    " LinearSVR KNeighborsClassifier KNeighborsRegressor MLPClassifier MLPRegressor GaussianNB MultinomialNB"
    " GaussianProcessClassifier GaussianProcessRegressor LinearDiscriminantAnalysis KMeans GradientBoostingClassifier"
    " GradientBoostingRegressor AdaBoostClassifier AdaBoostRegressor".split()
)
TENSORS = frozenset("torch.tensor torch.from_numpy torch.as_tensor torch.Tensor torch.FloatTensor".split())
