"""Operations on tensors by name: which only reshape, which cut the graph, which bound the range."""

from __future__ import annotations

# Names that several spellings share: torch.softmax, F.softmax, x.softmax(), nn.Softmax()(x).
MODULE_OPERATIONS: dict[str, str] = {
    "Softmax": "softmax",
    "Softmax2d": "softmax",
    "LogSoftmax": "log_softmax",
    "Softmin": "softmin",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "logsigmoid",
    "Hardsigmoid": "hardsigmoid",
    "Tanh": "tanh",
    "Hardtanh": "hardtanh",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Softplus": "softplus",
    "Identity": "identity",
    "Flatten": "flatten",
    "Unflatten": "unflatten",
    "Dropout": "dropout",
    "Dropout2d": "dropout",
    "Dropout3d": "dropout",
    "AlphaDropout": "dropout",
}
SAME_OPERATION: dict[str, str] = {
    "sigmoid_": "sigmoid",
    "relu_": "relu",
    "tanh_": "tanh",
    "softmax_": "softmax",
    "expit": "sigmoid",
    "special.expit": "sigmoid",
    "gumbel_softmax": "gumbel_softmax",
    "clamp_": "clamp",
    "clip": "clamp",
    "absolute": "abs",
    "special.softmax": "softmax",
    "special.log_softmax": "log_softmax",
}
# Operations that change shape, type or device but no value.
SHAPE_ONLY = frozenset(
    "view view_as resize reshape reshape_as squeeze unsqueeze flatten unflatten permute transpose t contiguous to cuda cpu float"
    " double half bfloat16 type type_as clone identity expand expand_as repeat repeat_interleave Variable squeeze_"
    " unsqueeze_ swapaxes movedim moveaxis ravel chunk split unbind narrow select index_select gather masked_select"
    " requires_grad_ retain_grad as_tensor stack cat concat concatenate hstack vstack pad_packed_sequence"
    " pack_padded_sequence rearrange T mT to_dense roll flip".split()
)
# Operations whose result has no graph.
CUTTING = frozenset(
    "detach item tolist numpy argmax argmin argsort __array__ nonzero eq ne lt le gt ge equal allclose isnan isinf any all"
    " long int bool short byte size dim numel data_ptr get_device is_cuda char bincount detach_ one_hot searchsorted"
    " bucketize randperm multinomial bernoulli sample round floor ceil trunc sign heaviside astype".split()
)
# Functions that make a new leaf, or a Python number, from what they are given.
CUTTING_FUNCTIONS = frozenset(
    "torch.round torch.floor torch.ceil torch.trunc torch.sign torch.heaviside builtins.float builtins.int builtins.bool builtins.len builtins.str builtins.round builtins.range torch.tensor"
    " torch.Tensor torch.FloatTensor torch.LongTensor torch.from_numpy torch.zeros_like torch.ones_like torch.rand_like"
    " torch.randn_like torch.full_like torch.empty_like torch.zeros torch.ones torch.rand torch.randn torch.full"
    " torch.empty torch.autograd.Variable torch.arange torch.linspace torch.eye torch.argmax torch.argmin torch.eq torch.ne torch.lt torch.gt"
    " torch.le torch.ge torch.isnan torch.randint torch.normal torch.randperm torch.bernoulli torch.multinomial"
    " math.exp math.log math.sqrt math.isnan math.isfinite torch.nn.functional.one_hot torch.autograd.grad torch.load"
    " torch.nn.utils.clip_grad_norm torch.nn.utils.clip_grad_norm_"
    " torch.nn.utils.get_total_norm torch.detach torch.Tensor.detach torch.Tensor.item torch.argsort torch.nonzero"
    " builtins.isinstance builtins.print builtins.getattr builtins.hasattr builtins.id builtins.repr builtins.type".split()
)
CUTTING_HOMES = ("numpy.", "sklearn.", "pandas.", "random.", "math.", "time.", "os.", "scipy.", "logging.")
CUTTING_ATTRIBUTES = frozenset("data shape dtype device grad requires_grad ndim is_cuda size".split())
COMPARISONS = frozenset(
    f"operator.{name}" for name in ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")
)
# Activations that bound their output: the bounds.
BOUNDED: dict[str, tuple[float, float]] = {
    "softmax": (0.0, 1.0),
    "gumbel_softmax": (0.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
}
ACTIVATIONS = frozenset(
    "softmax log_softmax gumbel_softmax sigmoid logsigmoid hardsigmoid tanh hardtanh relu relu6 leaky_relu prelu elu gelu"
    " silu mish softplus softmin sparsemax entmax".split()
)
# Activations that keep scores within bounds, or cut off one side of them.
SQUASHING = frozenset("relu relu6 sigmoid hardsigmoid tanh hardtanh".split())
