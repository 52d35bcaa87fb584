"""Libraries for tables: what is fitted to data, what splits it, what reduces it to a number."""

from __future__ import annotations

# Transformers that learn from the rows they are fitted to, by what they learn.
_KINDS = {
    "scaler": "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler QuantileTransformer PowerTransformer KernelCenterer",
    "imputer": "SimpleImputer IterativeImputer KNNImputer Imputer MeanMedianImputer CategoricalImputer",
    "encoder": "OneHotEncoder OrdinalEncoder BinaryEncoder BaseNEncoder HelmertEncoder SumEncoder BackwardDifferenceEncoder",
    "labels": "LabelEncoder LabelBinarizer MultiLabelBinarizer",
    "target encoder": "TargetEncoder LeaveOneOutEncoder CatBoostEncoder JamesSteinEncoder MEstimateEncoder WOEEncoder"
    " GLMMEncoder CountEncoder QuantileEncoder MeanEncoder",
    "discretizer": "KBinsDiscretizer SplineTransformer EqualFrequencyDiscretiser EqualWidthDiscretiser",
    "feature selection": "SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect RFE RFECV"
    " SelectFromModel SequentialFeatureSelector VarianceThreshold BorutaPy SequentialFeatureSelection",
    "projection": "PCA IncrementalPCA KernelPCA SparsePCA MiniBatchSparsePCA TruncatedSVD NMF MiniBatchNMF FastICA"
    " FactorAnalysis DictionaryLearning LatentDirichletAllocation LinearDiscriminantAnalysis PLSRegression Isomap"
    " LocallyLinearEmbedding UMAP NeighborhoodComponentsAnalysis",
    "vocabulary": "CountVectorizer TfidfVectorizer TfidfTransformer DictVectorizer Tokenizer TextVectorization",
}  # fmt: skip
FITTED: dict[str, str] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
# Where such classes live; a class of the same name elsewhere is not known to be one.
HOMES = (
    "sklearn.",
    "category_encoders",
    "feature_engine",
    "keras.",
    "tensorflow.",
    "umap",
    "cuml.",
    "dask_ml.",
    "mlxtend.",
    "boruta",
)
# Combinations of transformers, by where their parts stand.
COMPOSITES = frozenset(
    "Pipeline make_pipeline FeatureUnion make_union ColumnTransformer make_column_transformer DataFrameMapper".split()
)
# Functions that fit and apply in one call, column by column.
FITTING_FUNCTIONS: dict[str, str] = {
    "sklearn.preprocessing.scale": "scaler",
    "sklearn.preprocessing.minmax_scale": "scaler",
    "sklearn.preprocessing.maxabs_scale": "scaler",
    "sklearn.preprocessing.robust_scale": "scaler",
    "sklearn.preprocessing.quantile_transform": "scaler",
    "sklearn.preprocessing.power_transform": "scaler",
    "scipy.stats.zscore": "scaler",
    "pandas.qcut": "discretizer",
}
VOCABULARIES = frozenset(
    ("torchtext.vocab.build_vocab_from_iterator",)
)  # functions that list the words of texts
FITTING_METHODS = frozenset(("fit", "fit_transform", "fit_on_texts", "adapt", "partial_fit"))
APPLYING_METHODS = frozenset(
    "transform fit_transform texts_to_sequences texts_to_matrix sequences_to_matrix get_support".split()
)
# Samplers of imbalanced-learn that repeat rows or mix new ones of them; the others only leave rows out.
OVER_SAMPLERS = frozenset(
    "RandomOverSampler SMOTE SMOTENC SMOTEN ADASYN BorderlineSMOTE KMeansSMOTE SVMSMOTE SMOTEENN SMOTETomek".split()
)
RESAMPLING = frozenset(("fit_resample", "fit_sample"))  # the second one until imbalanced-learn 0.6
LEARNT_ATTRIBUTES = frozenset("support_ scores_ pvalues_ ranking_ components_".split())

SPLIT = "train_test_split"
SPLIT_HOMES = ("sklearn.", "cuml.", "dask_ml.")
FOLDS = frozenset(
    "KFold StratifiedKFold GroupKFold StratifiedGroupKFold RepeatedKFold RepeatedStratifiedKFold ShuffleSplit"
    " StratifiedShuffleSplit GroupShuffleSplit TimeSeriesSplit LeaveOneOut LeavePOut LeaveOneGroupOut PredefinedSplit".split()
)
CROSS_VALIDATION = frozenset("cross_val_score cross_validate cross_val_predict".split())
PARTING = frozenset(  # functions that give the parts of what they are given, one after the other
    "torch.utils.data.random_split numpy.split numpy.array_split numpy.vsplit torch.split torch.tensor_split".split()
)
# Methods and functions that make one number of each column, and so carry what held-out rows are like.
STATISTICS = frozenset("mean std var median mode min max nanmean nanstd nanmedian nanvar".split())
COUNTS = frozenset(
    "quantile percentile sum count nunique value_counts size argmax argmin idxmax idxmin corr cov describe unique info any all prod"
    " shape len nbytes memory_usage item".split()
)
STATISTICS_HOMES = ("numpy.", "torch.", "pandas.", "statistics.", "scipy.")
# Windows and groups: what is computed in them is no statistic of the table.
WINDOWED = frozenset("rolling expanding ewm resample groupby".split())
NOT_ROWS = frozenset("shape columns dtypes dtype size index ndim name names device empty".split())
SAME_ROWS = frozenset("values T iloc loc at iat str dt cat sparse real data".split())

JUDGING = frozenset(
    "predict predict_proba decision_function score evaluate evaluate_generator predict_classes".split()
)
TRAINING = frozenset(("fit", "fit_generator", "partial_fit", "train"))
# Words that a file on tables has; the gate of the rules that ask about it.
WORDS = (
    "fit_transform",
    "fit",
    "transform",
    "train_test_split",
    "random_split",
    "mean",
    "std",
    "fillna",
)
# Names of the methods whose calls are noted for the questions about tables.
NOTED_METHODS = (
    FITTING_METHODS
    | APPLYING_METHODS
    | JUDGING
    | TRAINING
    | RESAMPLING
    | {"split", "drop", "isnull", "isna", "train_from_iterator"}
)
# Searches that cross-validate by themselves.
SEARCHES = frozenset(
    "GridSearchCV RandomizedSearchCV HalvingGridSearchCV LassoCV RidgeCV LogisticRegressionCV".split()
)
# Data sets of scikit-learn: how many rows they have, and which are made to size.
ROWS: dict[str, int] = {
    "load_iris": 150,
    "load_wine": 178,
    "load_digits": 1797,
    "load_breast_cancer": 569,
    "load_diabetes": 442,
    "load_linnerud": 20,
    "fetch_california_housing": 20640,
    "fetch_covtype": 581012,
    "fetch_olivetti_faces": 400,
}
# Tables that everybody downloads under one name: how many rows the file of that name has, as published by the UCI
# repository, Kaggle and Box, Jenkins and Reinsel (air passengers). Names are compared by their letters and figures.
FILES: dict[str, int] = {
    "iris": 150,
    "winequalityred": 1_599,
    "winequalitywhite": 4_898,
    "airlinepassengers": 144,
    "airpassengers": 144,
    "pimaindiansdiabetes": 768,
    "bostonhousing": 506,
    "autompg": 398,
    "wdbc": 569,
    "ionosphere": 351,
    "abalone": 4_177,
    "concretedata": 1_030,
    "enb2012data": 768,
    "yachthydrodynamics": 308,
    "penguins": 344,
    "diamonds": 53_940,
    "churnmodelling": 10_000,
    "wafnusectelcocustomerchurn": 7_043,
    "creditcard": 284_807,
}
MADE = frozenset(
    "make_classification make_regression make_blobs make_moons make_circles make_friedman1 make_s_curve".split()
)
# Estimators that answer the same in whatever unit a column is given: trees compare values of one column, and least
# squares without a penalty gives each column a weight of its own.
UNIT_FREE_HOMES = ("sklearn.", "xgboost.", "lightgbm.", "catboost.", "statsmodels.")
UNIT_FREE = frozenset(
    "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor RandomForestClassifier"
    " RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor"
    " HistGradientBoostingClassifier HistGradientBoostingRegressor XGBClassifier XGBRegressor XGBRFClassifier"
    " XGBRFRegressor LGBMClassifier LGBMRegressor CatBoostClassifier CatBoostRegressor LinearRegression OLS".split()
)
# Transformers that only give a column another zero and unit.
AFFINE = frozenset("StandardScaler MinMaxScaler MaxAbsScaler RobustScaler".split())
