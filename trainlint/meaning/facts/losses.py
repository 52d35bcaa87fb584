"""Criteria: what each expects of its input and target, by class and by function.

`scores`: any real number. `probabilities`: in [0, 1]. `log-probabilities`: log_softmax output.
`values`: regression. Held against the installed torch by tests/test_facts.py.
"""

from __future__ import annotations

from functools import lru_cache

from trainlint.records import dataclass

BY_HAND = "*by hand"  # in the detail of a criterion event: the program writes the criterion out


@dataclass(frozen=True, slots=True)
class Criterion:
    kind: str  # "cross-entropy", "bce", "bce-logits", "nll", "regression", ...
    expects: str  # of the input
    target: str  # "class", "same" or "other"
    input: str = "input"  # the argument's name in the functional form
    name: str = ""


_CROSS = Criterion("cross-entropy", "scores", "class")
_NLL = Criterion("nll", "log-probabilities", "class")
_BCE = Criterion("bce", "probabilities", "same")
_LOGITS = Criterion("bce-logits", "scores", "same")
_REGRESSION = Criterion("regression", "values", "same")
_KL = Criterion("kl", "log-probabilities", "same")

BY_NAME: dict[str, Criterion] = {
    "torch.nn.CrossEntropyLoss": _CROSS,
    "torch.nn.functional.cross_entropy": _CROSS,
    "torch.nn.NLLLoss": _NLL,
    "torch.nn.NLLLoss2d": _NLL,
    "torch.nn.functional.nll_loss": _NLL,
    "torch.nn.BCELoss": _BCE,
    "torch.nn.functional.binary_cross_entropy": _BCE,
    "torch.nn.BCEWithLogitsLoss": _LOGITS,
    "torch.nn.MultiLabelSoftMarginLoss": Criterion("multilabel-logits", "scores", "same"),
    "torch.nn.functional.binary_cross_entropy_with_logits": _LOGITS,
    "torch.nn.functional.multilabel_soft_margin_loss": Criterion("multilabel-logits", "scores", "same"),
    "torch.nn.MSELoss": _REGRESSION,
    "torch.nn.functional.mse_loss": _REGRESSION,
    "torch.nn.L1Loss": _REGRESSION,
    "torch.nn.functional.l1_loss": _REGRESSION,
    "torch.nn.SmoothL1Loss": _REGRESSION,
    "torch.nn.functional.smooth_l1_loss": _REGRESSION,
    "torch.nn.HuberLoss": _REGRESSION,
    "torch.nn.functional.huber_loss": _REGRESSION,
    "torch.nn.KLDivLoss": _KL,
    "torch.nn.functional.kl_div": _KL,
    "torch.nn.GaussianNLLLoss": Criterion("other", "values", "other"),
    "torch.nn.PoissonNLLLoss": Criterion("other", "values", "same"),
    "torch.nn.MultiMarginLoss": Criterion("margin", "scores", "class"),
    "torch.nn.functional.multi_margin_loss": Criterion("margin", "scores", "class"),
    "torch.nn.MultiLabelMarginLoss": Criterion("margin", "scores", "same"),
    "torch.nn.SoftMarginLoss": Criterion("margin", "scores", "same"),
    "torch.nn.HingeEmbeddingLoss": Criterion("other", "values", "other"),
    "torch.nn.MarginRankingLoss": Criterion("other", "values", "other"),
    "torch.nn.TripletMarginLoss": Criterion("other", "values", "other"),
    "torch.nn.functional.triplet_margin_loss": Criterion("other", "values", "other"),
    "torch.nn.CosineEmbeddingLoss": Criterion("other", "values", "other"),
    "torch.nn.CTCLoss": Criterion("other", "log-probabilities", "other"),
    "torch.nn.functional.ctc_loss": Criterion("other", "log-probabilities", "other"),
    "timm.loss.LabelSmoothingCrossEntropy": Criterion("cross-entropy", "scores", "class"),
    "timm.loss.SoftTargetCrossEntropy": Criterion("cross-entropy", "scores", "same"),
    "timm.loss.BinaryCrossEntropy": Criterion("timm-bce", "scores", "other"),
}


@lru_cache(maxsize=4096)
def criterion(name: str) -> Criterion | None:
    """The criterion of a dotted name, class or function."""
    found = BY_NAME.get(name)
    if found is None and name.startswith("torch."):
        last = name.rpartition(".")[2]
        if last in ("cross_entropy_loss", "binary_cross_entropy_with_logits", "nll_loss"):
            short = {"cross_entropy_loss": "cross_entropy"}.get(last, last)
            return BY_NAME.get(f"torch.nn.functional.{short}")
    return found
