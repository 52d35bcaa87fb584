"""Skewed classes: tables that are known to be so, what makes up for it, and what would show it."""

from __future__ import annotations

# Words in the path of a file: the column of the labels, how many rows its classes have, whether it is the last column.
FILES: dict[str, tuple[str, tuple[int, ...], bool]] = {
    "creditcard": ("Class", (284315, 492), True),
    "stroke-data": ("stroke", (4861, 249), True),
    "cs-training": ("SeriousDlqin2yrs", (139974, 10026), False),
    "porto train": ("target", (573518, 21694), False),
    "application_train": ("TARGET", (282686, 24825), False),
    "ieee-fraud train_transaction": ("isFraud", (569877, 20663), False),
    "santander-customer-satisfaction train": ("TARGET", (73012, 3008), True),
    "ps_20174392719_1491204439457_log": ("isFraud", (6354407, 8213), False),
    "ai4i2020": ("Machine failure", (9661, 339), False),
    "quora-insincere train": ("target", (1225312, 80810), True),
    "siim-isic train": ("target", (32542, 584), True),
    "HAM10000_metadata": ("dx", (327, 514, 1099, 115, 1113, 6705, 142), False),
    "mitbih_train": ("187", (72471, 2223, 5788, 641, 6431), True),
    "winequality-red": ("quality", (10, 53, 681, 638, 199, 18), True),
    "winequality-white": ("quality", (20, 163, 1457, 2198, 880, 175, 5), True),
    "trainLabels": ("level", (25810, 2443, 5292, 873, 708), True),
    "aps_failure_training": ("class", (59000, 1000), False),
    "predictive_maintenance": ("Target", (9661, 339), False),
    "fraud_oracle": ("FraudFound_P", (14497, 923), False),
    "diabetes_012": ("Diabetes_012", (213703, 4631, 35346), False),
}
HEADLESS = frozenset(("mitbih_train",))  # files whose first line is a row
# Words of files that hold other rows of it.
LOOSE = (
    "balanced",
    "sampled",
    "smote",
    "subset",
    "test",
    "default",
    "approval",
    "cleaned",
    "processed",
    "folds",
    "2023",
)
# Data sets of images by their class.
IMAGES: dict[str, tuple[int, ...]] = {
    "medmnist.DermaMNIST": (228, 359, 769, 80, 779, 4693, 99),
    "medmnist.dataset.DermaMNIST": (228, 359, 769, 80, 779, 4693, 99),
}
LOADED: dict[str, tuple[int, ...]] = {
    "sklearn.datasets.fetch_covtype": (283301, 211840, 35754, 20510, 17367, 9493, 2747)
}
# By the name that they have at OpenML.
FETCHED: dict[str, tuple[int, ...]] = {
    "mammography": (10923, 260),
    "creditcard": (284315, 492),
    "sick": (3541, 231),
    "oil_spill": (896, 41),
    "pc1": (1032, 77),
    "mc1": (9398, 68),
    "pc2": (5566, 23),
    "ozone-level-8hr": (2374, 160),
    "yeast_ml8": (2383, 34),
    "hypothyroid": (3481, 194, 95, 2),
    "page-blocks": (4913, 329, 115, 88, 28),
}
# What gives the rare classes more say.
BALANCING = frozenset(
    "class_weight class_weights pos_weight weight sample_weight sample_weights scale_pos_weight is_unbalance"
    " WeightedRandomSampler ImbalancedDatasetSampler compute_class_weight compute_sample_weight SMOTE ADASYN"
    " BorderlineSMOTE SMOTEENN SMOTETomek RandomOverSampler RandomUnderSampler NearMiss fit_resample resample"
    " oversample undersample FocalLoss focal_loss sigmoid_focal_loss focal BalancedRandomForestClassifier"
    " BalancedBaggingClassifier EasyEnsembleClassifier IsolationForest OneClassSVM LocalOutlierFactor threshold".split()
)
# Measures that tell when a rare class is never found.
TELLING = frozenset(
    "f1_score fbeta_score precision_score recall_score roc_auc_score average_precision_score balanced_accuracy_score"
    " matthews_corrcoef cohen_kappa_score classification_report confusion_matrix precision_recall_curve roc_curve auc"
    " precision_recall_fscore_support ConfusionMatrix ConfusionMatrixDisplay F1Score AUROC AveragePrecision Recall"
    " Precision BinaryF1Score MulticlassF1Score BinaryAUROC RocCurveDisplay PrecisionRecallDisplay recall precision f1"
    " auroc auprc sensitivity specificity plot_confusion_matrix balanced_accuracy roc_auc per_class crosstab"
    " f1_macro f1_weighted f1_micro recall_macro precision_macro average_precision neg_log_loss log_loss brier_score_loss"
    " matthews jaccard jaccard_score geometric_mean_score gmean imbalanced_classification_report class_report".split()
)
COUNTING = frozenset(  # what shows that accuracy is measured
    "accuracy_score score accuracy Accuracy BinaryAccuracy MulticlassAccuracy acc correct argmax eq cross_val_score"
    " cross_validate best_score_".split()
)
WEIGHABLE = frozenset(
    "LogisticRegression SVC LinearSVC SGDClassifier RidgeClassifier Perceptron DecisionTreeClassifier"
    " RandomForestClassifier ExtraTreesClassifier HistGradientBoostingClassifier".split()
)
CLASSIFIERS = WEIGHABLE | frozenset(
    "KNeighborsClassifier MLPClassifier GaussianNB GradientBoostingClassifier AdaBoostClassifier".split()
)
