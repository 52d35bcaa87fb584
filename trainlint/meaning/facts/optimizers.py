"""Optimizers and schedules by name: torch's own, and those of the libraries around it."""

from __future__ import annotations

ADAM_AND_RELATIVES = frozenset(  # each step is about as long as the rate, however small the gradient
    "Adam AdamW NAdam RAdam Adamax RMSprop AdamP BertAdam FusedAdam Lion AdaBelief DiffGrad".split()
)
RASH_AT_FIRST = frozenset(  # whose averages rest on the first few batches, and that do nothing about it
    "Adam AdamW NAdam Adamax AdamP FusedAdam AdaBelief".split()
)
_OPTIMIZER_HOMES = (
    "torch.optim.", "torch_optimizer.", "apex.optimizers.", "timm.optim.", "bitsandbytes.optim.", "torchcontrib.optim.",
    "prodigyopt.", "dadaptation.", "lion_pytorch.", "schedulefree.", "adabelief_pytorch.", "pytorch_optimizer.",
    "deepspeed.ops.adam.", "deepspeed.ops.lamb.", "deepspeed.ops.lion.", "ranger.", "madgrad.", "torchao.optim.",
    "torchao.prototype.low_bit_optim.", "galore_torch.",
)  # fmt: skip
_OPTIMIZERS = frozenset(
    "transformers.AdamW transformers.optimization.AdamW transformers.Adafactor transformers.optimization.Adafactor"
    " pytorch_transformers.AdamW pytorch_pretrained_bert.BertAdam pytorch_pretrained_bert.optimization.BertAdam"
    " radam.RAdam adamp.AdamP lion_pytorch.Lion fairscale.optim.OSS fairscale.optim.oss.OSS"
    " colossalai.nn.optimizer.HybridAdam colossalai.nn.optimizer.CPUAdam colossalai.nn.optimizer.FusedAdam"
    " composer.optim.DecoupledAdamW composer.optim.DecoupledSGDW"
    " torch.distributed.optim.ZeroRedundancyOptimizer".split()
) | frozenset(
    f"{home}.{name}"
    for home in ("torchrec.optim", "torchrec.optim.keyed")
    for name in "CombinedOptimizer KeyedOptimizer KeyedOptimizerWrapper OptimizerWrapper".split()
)
_SCHEDULE_HOMES = (
    "torch.optim.lr_scheduler.",
    "timm.scheduler.",
    "warmup_scheduler.",
    "ignite.handlers.param_scheduler.",
)
_EARLY_SCHEDULES = frozenset(  # of transformers before its functions: subclasses of LambdaLR
    f"{home}.{name}"
    for home in (
        "pytorch_transformers",
        "pytorch_transformers.optimization",
        "transformers",
        "transformers.optimization",
    )
    for name in (
        "ConstantLRSchedule WarmupConstantSchedule WarmupLinearSchedule WarmupCosineSchedule"
        " WarmupCosineWithHardRestartsSchedule".split()
    )
)
SCHEDULE_FACTORIES = frozenset(
    f"{home}.{name}"
    for home in ("transformers", "transformers.optimization", "diffusers.optimization")
    for name in (
        "get_scheduler get_linear_schedule_with_warmup get_cosine_schedule_with_warmup get_constant_schedule"
        " get_constant_schedule_with_warmup get_polynomial_decay_schedule_with_warmup"
        " get_cosine_with_hard_restarts_schedule_with_warmup get_inverse_sqrt_schedule".split()
    )
) | {"timm.scheduler.create_scheduler", "timm.scheduler.create_scheduler_v2"}


def is_optimizer_class(name: str) -> bool:
    """Whether a library name is an optimizer class."""
    last = name.rpartition(".")[2]
    if name.startswith(("torch.optim.lr_scheduler", "torch.optim.swa_utils", "timm.optim.optim_factory")):
        return False
    return name in _OPTIMIZERS or (last[:1].isupper() and name.startswith(_OPTIMIZER_HOMES))


def is_schedule_class(name: str) -> bool:
    """Whether a library name is a learning rate schedule class."""
    last = name.rpartition(".")[2]
    if name in _EARLY_SCHEDULES:
        return True
    return (last[:1].isupper() or last == "_LRScheduler") and name.startswith(_SCHEDULE_HOMES)
