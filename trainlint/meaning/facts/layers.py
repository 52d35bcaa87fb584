"""torch.nn's modules: what they are, what depends on train and eval mode, what holds weights.

Held against the installed torch by tests/test_facts.py.
"""

from __future__ import annotations

from functools import lru_cache

NORMALISATION = frozenset(
    "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d".split()
)
INSTANCE_NORM = frozenset("InstanceNorm1d InstanceNorm2d InstanceNorm3d".split())
DROPOUT = frozenset("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout".split())
# Layers that hold trainable weights.
WEIGHTED = frozenset(
    "Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Embedding EmbeddingBag"
    " RNN LSTM GRU RNNCell LSTMCell GRUCell MultiheadAttention TransformerEncoderLayer TransformerDecoderLayer"
    " TransformerEncoder TransformerDecoder Transformer BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LayerNorm"
    " GroupNorm RMSNorm PReLU LazyLinear LazyConv1d LazyConv2d LazyConv3d LazyBatchNorm1d LazyBatchNorm2d"
    " LazyBatchNorm3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d".split()
)
# Layers whose dropout argument is off by default, and the layer's name for it.
OPTIONAL_DROPOUT = {"RNN": 0.0, "LSTM": 0.0, "GRU": 0.0, "MultiheadAttention": 0.0}
RECURRENT = frozenset("RNN LSTM GRU RNNCell LSTMCell GRUCell".split())
BUILT_IN_DROPOUT = frozenset(
    "TransformerEncoderLayer TransformerDecoderLayer Transformer".split()
)  # dropout=0.1 unless said otherwise
CONTAINERS = frozenset("torch.nn.Sequential torch.nn.ModuleList torch.nn.ModuleDict".split())
WRAPPERS = frozenset(
    "torch.nn.DataParallel torch.nn.parallel.DistributedDataParallel torch.compile torch.jit.script"
    " torch.distributed.fsdp.FullyShardedDataParallel apex.parallel.DistributedDataParallel"
    " torch.nn.SyncBatchNorm.convert_sync_batchnorm apex.parallel.convert_syncbn_model torch.fx.symbolic_trace"
    " torch._dynamo.optimize torch.nn.utils.weight_norm torch.nn.utils.spectral_norm torch.nn.utils.parametrizations.weight_norm"
    " torch.nn.utils.parametrizations.spectral_norm torch.jit.trace torchrec.distributed.DistributedModelParallel"
    " torchrec.distributed.model_parallel.DistributedModelParallel".split()
)
NOT_MODULES = frozenset(
    "Parameter UninitializedParameter Buffer ParameterList ParameterDict Flatten_".split()
)
MODULE_BASES = frozenset(
    "torch.nn.Module torch_geometric.nn.MessagePassing transformers.PreTrainedModel torch.jit.ScriptModule"
    " fairseq.models.FairseqEncoder fairseq.models.BaseFairseqModel transformers.modeling_utils.PreTrainedModel"
    " torch.nn.loss._Loss torch.nn.loss._WeightedLoss".split()
)
MODULE_HOMES = (
    "torchvision.models.",
    "timm.create_model",
    "timm.models.",
    "torchvision.ops.",
    "segmentation_models_pytorch.",
    "efficientnet_pytorch.",
    "torch_geometric.nn.",
    "pretrainedmodels.",
    "MinkowskiEngine.Minkowski",
    "MinkowskiEngine.modules.",
    "torchsparse.nn.",
)


def layer_name(name: str) -> str | None:
    """`Linear` of `torch.nn.Linear`, None for what is not one of torch.nn's own classes."""
    home, _, last = name.rpartition(".")
    return last if home == "torch.nn" and last[:1].isupper() else None


@lru_cache(maxsize=4096)
def is_module_class(name: str) -> bool:
    """Whether a library class is a torch module."""
    layer = layer_name(name)
    if layer is not None:
        return layer not in NOT_MODULES
    if name in MODULE_BASES or name in CONTAINERS or name.endswith(".LightningModule"):
        return True
    last = name.rpartition(".")[2]
    if name.startswith(("torchvision.models.", "timm.create_model")):
        return "_Weights" not in name
    if name.startswith("transformers."):
        return "Model" in last or "For" in last
    if not last[:1].isupper() or last.endswith(_FEEDS) or not _BESIDE.isdisjoint(name.split(".")[1:-1]):
        return False
    return name.startswith(MODULE_HOMES)


_BESIDE = frozenset("utils data datasets transforms".split())  # rooms of such libraries without layers
_FEEDS = ("Loader", "Sampler", "Dataset")  # what libraries of modules keep beside them


def is_container(name: str) -> bool:
    return name in CONTAINERS


def is_wrapper(name: str) -> bool:
    """Whether calling it with a module gives (a stand-in for) that module."""
    return name in WRAPPERS


# Layers by what they are in a chain: those that mix their inputs by a matrix of weights, those that normalise.
MIXING = frozenset(
    "Linear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyLinear LazyConv1d LazyConv2d"
    " LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d".split()
)
NORMALISING = (
    NORMALISATION
    | INSTANCE_NORM
    | frozenset(
        "LayerNorm GroupNorm RMSNorm LocalResponseNorm LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d".split()
    )
)
NORMALISING_FUNCTIONS = frozenset(
    "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm normalize".split()
)
