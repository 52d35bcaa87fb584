"""Skewed classes: tables that are known to be so, what makes up for it, and what would show it."""

from __future__ import annotations

# A word in the path of a file: the column of the labels, and how many rows its classes have.
FILES: dict[str, tuple[str, tuple[int, ...]]] = {"creditcard": ("Class", (284315, 492))}
LOADED: dict[str, tuple[int, ...]] = {
    "sklearn.datasets.fetch_covtype": (283301, 211840, 35754, 20510, 17367, 9493, 2747)
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
    " auroc auprc sensitivity specificity plot_confusion_matrix balanced_accuracy roc_auc per_class crosstab".split()
)
COUNTING = frozenset(  # what shows that accuracy is measured
    "accuracy_score score accuracy Accuracy BinaryAccuracy MulticlassAccuracy acc correct argmax eq".split()
)
WEIGHABLE = frozenset(
    "LogisticRegression SVC LinearSVC SGDClassifier RidgeClassifier Perceptron DecisionTreeClassifier"
    " RandomForestClassifier ExtraTreesClassifier HistGradientBoostingClassifier".split()
)
CLASSIFIERS = WEIGHABLE | frozenset(
    "KNeighborsClassifier MLPClassifier GaussianNB GradientBoostingClassifier AdaBoostClassifier".split()
)
