"""Dotted names: one spelling for each thing, and what star imports and fragments bring."""

from __future__ import annotations

import re
from functools import lru_cache

_PREFIXES: tuple[tuple[str, str], ...] = (
    ("lightning.pytorch", "pytorch_lightning"),
    ("lightning.fabric", "lightning_fabric"),
    ("torch.nn.modules.", "torch.nn."),
    ("torch.nn.parallel.distributed.", "torch.nn.parallel."),
    ("torch.nn.parallel.data_parallel.", "torch.nn.parallel."),
    ("torch.nn.utils.clip_grad.", "torch.nn.utils."),
    ("torch.utils.data.dataloader.", "torch.utils.data."),
    ("torch.utils.data.dataset.", "torch.utils.data."),
    ("torch.utils.data.sampler.", "torch.utils.data."),
    ("torch.utils.data.distributed.", "torch.utils.data."),
    ("torch.autograd.grad_mode.", "torch."),
    ("torch.autograd.variable.", "torch.autograd."),
    ("torch.cuda.amp.grad_scaler.", "torch.cuda.amp."),
    ("torch.cuda.amp.autocast_mode.", "torch.cuda.amp."),
    ("keras.src.", "keras."),
)
_EXACT: dict[str, str] = {
    "torch.autograd.no_grad": "torch.no_grad",
    "torch.autograd.enable_grad": "torch.enable_grad",
    "torch.autograd.set_grad_enabled": "torch.set_grad_enabled",
    "torch.autograd.inference_mode": "torch.inference_mode",
    "torch.nn.parallel.DataParallel": "torch.nn.DataParallel",
    "torch.nn.Softmax2d": "torch.nn.Softmax",
    "torch.functional.F": "torch.nn.functional",
    "lightning": "pytorch_lightning",
    "tqdm.auto.trange": "tqdm.trange",
    "tqdm.notebook.trange": "tqdm.trange",
    "torch.amp.GradScaler": "torch.cuda.amp.GradScaler",
    "numpy.squeeze": "torch.squeeze",  # calls the method of what it is given: a tensor stays one, with its graph
}
_OPTIMIZER_FILE = re.compile(r"torch\.optim\.[a-z_]+\.([A-Z]\w*)$")
_LAYER_FILE = re.compile(r"torch\.nn\.[a-z]+\.([A-Z]\w*)$")


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """One spelling for the several paths under which a library exports the same thing."""
    if not name.startswith(("torch", "lightning", "keras", "tqdm", "numpy.squeeze")):
        return name
    for prefix, short in _PREFIXES:
        if name.startswith(prefix):
            name = short + name[len(prefix) :]
            break
    if name.startswith("torch.optim.") and not name.startswith(
        ("torch.optim.lr_scheduler", "torch.optim.swa")
    ):
        found = _OPTIMIZER_FILE.match(name)
        name = f"torch.optim.{found[1]}" if found else name
    elif name.startswith("torch.nn.") and not name.startswith(
        ("torch.nn.utils", "torch.nn.parallel", "torch.nn.init")
    ):
        found = _LAYER_FILE.match(name)
        name = f"torch.nn.{found[1]}" if found else name
    return _EXACT.get(name, name)


# What a fragment without imports means by these names.
CONVENTIONAL: dict[str, str] = {
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "optim": "torch.optim",
    "np": "numpy",
    "numpy": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "tqdm": "tqdm.tqdm",
    "torchvision": "torchvision",
    "transforms": "torchvision.transforms",
    "datasets": "torchvision.datasets",
    "models": "torchvision.models",
    "DataLoader": "torch.utils.data.DataLoader",
    "Dataset": "torch.utils.data.Dataset",
    "TensorDataset": "torch.utils.data.TensorDataset",
    "DistributedSampler": "torch.utils.data.DistributedSampler",
    "Variable": "torch.autograd.Variable",
    "DDP": "torch.nn.parallel.DistributedDataParallel",
    "DistributedDataParallel": "torch.nn.parallel.DistributedDataParallel",
    "GradScaler": "torch.cuda.amp.GradScaler",
    "autocast": "torch.autocast",
    "lr_scheduler": "torch.optim.lr_scheduler",
    "pl": "pytorch_lightning",
    "argparse": "argparse",
    "os": "os",
    "copy": "copy",
    "math": "math",
    "random": "random",
    "dist": "torch.distributed",
    "OrderedDict": "collections.OrderedDict",
    "defaultdict": "collections.defaultdict",
    "deque": "collections.deque",
    "timm": "timm",
    "smp": "segmentation_models_pytorch",
    "torchmetrics": "torchmetrics",
    "deepspeed": "deepspeed",
    "transformers": "transformers",
    "sklearn": "sklearn",
    "cv2": "cv2",
    "albumentations": "albumentations",
}
# Names that several libraries share: what one means, by a sign of that library in the same fragment.
_SERVING = r"(DataLoader|TensorDataset|Subset|random_split|\w*Sampler|distributed\.DistributedSampler)\("
BY_USE: dict[str, tuple[tuple[str, str], ...]] = {
    "data": ((rf"(?<![\w.])data\.{_SERVING}", "torch.utils.data"),),
    "Data": ((rf"(?<![\w.])Data\.{_SERVING}", "torch.utils.data"),),
    "utils": ((rf"(?<![\w.])utils\.data\.{_SERVING}", "torch.utils"),),
    "Image": ((r"\bImage\.(open|fromarray)\(", "PIL.Image"),),
    "T": (
        (
            r"\bT\.(ToTensor\(|CenterCrop|RandomResizedCrop|RandomHorizontalFlip|ColorJitter)",
            "torchvision.transforms",
        ),
    ),
    "TF": ((r"\bTF\.(to_tensor|normalize|hflip|resize|crop|rotate)\(", "torchvision.transforms.functional"),),
    "A": ((r"\bA\.(Compose|Normalize|HorizontalFlip|Resize)\(", "albumentations"),),
    "tv": ((r"\btv\.(models|datasets|transforms)\.", "torchvision"),),
    "L": ((r"\bL\.(Lightning\w+|Trainer|Fabric|seed_everything)\b", "pytorch_lightning"),),
    "Engine": ((r"\bEvents\.[A-Z]|\.run\([^\n]*(load|_dl\b|data|max_epochs)", "ignite.engine.Engine"),),
    "Trainer": (
        (
            r"\bTrainingArguments\b|def (compute_loss|get_train_dataloader|prediction_step)\(self|\btrain_dataset=",
            "transformers.Trainer",
        ),
        (
            r"\bTrainer\([^)]*\b(max_epochs|gpus|devices|accelerator|fast_dev_run)=",
            "pytorch_lightning.Trainer",
        ),
    ),
    "preprocessing": (
        (
            r"\bpreprocessing\.([A-Z]\w*(Scaler|Encoder|Binarizer|Transformer|Discretizer|Features)\b|(\w+_)?scale\()",
            "sklearn.preprocessing",
        ),
    ),
    "model_selection": (
        (
            r"\bmodel_selection\.(train_test_split|cross_val\w+|[A-Z]\w*(Fold|Split|SearchCV))\b",
            "sklearn.model_selection",
        ),
    ),
    "feature_selection": (
        (r"\bfeature_selection\.(Select|VarianceThreshold|RFE)", "sklearn.feature_selection"),
    ),
    "decomposition": ((r"\bdecomposition\.\w*(PCA|SVD|NMF|ICA)\b", "sklearn.decomposition"),),
    "Pipeline": ((r"\bPipeline\(\s*(steps=)?\[\s*\(", "sklearn.pipeline.Pipeline"),),
    "impute": ((r"\bimpute\.[A-Z]\w+Imputer\b", "sklearn.impute"),),
    "compose": ((r"\bcompose\.(C|make_c)olumn_?[Tt]ransformer\b", "sklearn.compose"),),
}
# Classes that a fragment writes bare after a `from ... import` left out. Names that people give their own
# networks as well (`RNN`, `LSTM`, `Transformer`) are not among them.
_BARE = {
    "torch": "no_grad enable_grad inference_mode set_grad_enabled",
    "torch.nn": "Module Sequential ModuleList ModuleDict Linear Conv1d Conv2d Conv3d ConvTranspose2d Embedding"
    " BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm Dropout Dropout2d ReLU LeakyReLU ELU GELU SiLU PReLU"
    " Sigmoid LogSigmoid Tanh Softmax LogSoftmax Softplus Flatten MaxPool1d MaxPool2d AvgPool2d AdaptiveAvgPool2d"
    " CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss MSELoss L1Loss SmoothL1Loss HuberLoss KLDivLoss",
    "torch.nn.utils": "clip_grad_norm_ clip_grad_value_",
    "torch.optim": "SGD Adam AdamW RMSprop Adagrad Adadelta NAdam RAdam LBFGS",
    "torch.optim.lr_scheduler": "StepLR MultiStepLR ExponentialLR LambdaLR OneCycleLR CyclicLR CosineAnnealingLR"
    " CosineAnnealingWarmRestarts ReduceLROnPlateau LinearLR PolynomialLR MultiplicativeLR SequentialLR",
    "torch.utils.data.distributed": "DistributedSampler",
    "pytorch_transformers": "WarmupLinearSchedule WarmupCosineSchedule WarmupConstantSchedule",
    "torch.utils.data": "RandomSampler SequentialSampler SubsetRandomSampler WeightedRandomSampler BatchSampler Subset"
    " ConcatDataset IterableDataset random_split",
    "torchvision.transforms": "ToTensor",
    "albumentations.pytorch": "ToTensorV2",
    "torchvision.datasets": "MNIST FashionMNIST CIFAR10 CIFAR100 ImageFolder",
    "transformers": "AutoModel AutoModelForSequenceClassification AutoModelForTokenClassification AutoModelForCausalLM"
    " BertModel BertForSequenceClassification BertConfig DistilBertModel DistilBertForSequenceClassification RobertaModel"
    " RobertaForSequenceClassification PreTrainedModel BertPreTrainedModel RobertaPreTrainedModel"
    " get_linear_schedule_with_warmup get_cosine_schedule_with_warmup",
    "accelerate": "Accelerator",
    "lightning_fabric": "Fabric",
    "ignite.engine": "Events create_supervised_trainer create_supervised_evaluator",
    "pytorch_lightning": "LightningModule LightningDataModule",
    "skorch": "NeuralNetClassifier NeuralNetBinaryClassifier NeuralNetRegressor",
    "sklearn.preprocessing": "minmax_scale maxabs_scale robust_scale StandardScaler RobustScaler MinMaxScaler MaxAbsScaler QuantileTransformer PowerTransformer"
    " LabelBinarizer LabelEncoder OneHotEncoder OrdinalEncoder KBinsDiscretizer",
    "sklearn.impute": "SimpleImputer KNNImputer IterativeImputer",
    "sklearn.compose": "ColumnTransformer make_column_transformer",
    "sklearn.pipeline": "make_pipeline FeatureUnion",
    "sklearn.decomposition": "PCA TruncatedSVD",
    "sklearn.feature_selection": "SelectKBest SelectPercentile VarianceThreshold RFE",
    "sklearn.feature_extraction.text": "CountVectorizer TfidfVectorizer",
    "sklearn.model_selection": "train_test_split KFold StratifiedKFold GroupKFold StratifiedShuffleSplit cross_val_score",
    "sklearn.datasets": "make_regression load_iris load_digits load_wine load_diabetes fetch_california_housing",
}
BARE: dict[str, str] = {name: f"{home}.{name}" for home, names in _BARE.items() for name in names.split()}

_EXPORTED_ATTRIBUTES = {
    "torch.nn": ("functional", "init", "utils", "parallel"),
    "torch": ("nn", "optim", "utils"),
}


def is_exported(home: str, name: str) -> bool:
    """Whether `from home import *` can have brought `name`, by the way libraries name things."""
    if home in ("torch.nn", "torch.optim", "torch.utils.data", "torch.optim.lr_scheduler", "torch.autograd"):
        return name[:1].isupper() or name in _EXPORTED_ATTRIBUTES.get(home, ())
    if home == "torch.nn.functional":
        return name.islower() and (name in FUNCTIONAL)
    if home in ("torchvision.transforms", "torchvision.datasets", "torchvision.models", "torchvision"):
        return True
    return home == "torch" and name in (
        "nn",
        "optim",
        "tensor",
        "no_grad",
        "load",
        "save",
        "device",
        "cuda",
    )


FUNCTIONAL = frozenset(
    "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy softmax log_softmax"
    " binary_cross_entropy_with_logits relu sigmoid tanh gelu dropout kl_div one_hot".split()
)


_WITHOUT_TORCH = frozenset(
    "albumentations cv2 flax functools gensim imgaug jax jieba joblib keras librosa matplotlib mxnet nltk numpy oneflow"
    " onnxruntime paddle pandas PIL sentencepiece scipy skimage sklearn spacy tensorflow tiktoken tokenizers".split()
)


def knows_no_torch(name: str) -> bool:
    """Whether a dotted name belongs to a library whose objects are no torch modules: parsers, other frameworks."""
    return name.partition(".")[0] in _WITHOUT_TORCH or name.startswith(_FOR_DATA)


_FOR_DATA = (
    "torchtext.data",
    "torchtext.datasets",
    "torchtext.legacy",
    "torchtext.transforms",
    "torchtext.utils",
    "torchtext.vocab",
    "torchvision.datasets",
    "torchvision.transforms",
)
