"""Model families of transformers: whether their networks drop out by default.

The encoders and sequence-to-sequence models of the BERT and GPT-2 years do (0.1 in their configurations); the
language models since then, and most image encoders, have a rate of 0, so that train and eval mode are the same.
"""

from __future__ import annotations

import re

_DROPPING = frozenset(
    "albert bart barthez bert bertgeneration bigbird biogpt blenderbot camembert canine convbert ctrl deberta debertav2 detr"
    " distilbert distilgpt2 distilroberta dpr electra ernie flaubert fnet funnel gpt2 hubert ibert layoutlm layoutlmv2"
    " layoutlmv3 led longformer longt5 luke lxmert m2m100 marian mbart mbart50 megatronbert mpnet mt5 mvp nezha"
    " nystromformer openaigpt opt pegasus plbart prophetnet rembert roberta roformer segformer squeezebert swin t5 tapas"
    " wav2vec2 wavlm xglm xlm xlmroberta xlnet".split()
)
_CONSTANT = (
    "llama mistral mixtral qwen gemma phi falcon gptneo gptneox gptj bloom pythia vit clip whisper deit dinov2 olmo cohere"
    " deepseek starcoder2 stablelm mamba mobilebert modernbert smollm tinyllama vicuna"
).split()
_ARCHITECTURE = re.compile(
    r"^([A-Z].*?)(?:Pre[Tt]rainedModel|Model|For|LMHead|DoubleHeads|Encoder|Decoder|$)"
)


def drops_by_default(name: str, checkpoint: str | None) -> bool | None:
    """Whether a class of transformers (or, behind an `Auto` class, a checkpoint) has dropout; None: not known."""
    last = name.rpartition(".")[2]
    if not last.startswith(("Auto", "TFAuto")):
        found = _ARCHITECTURE.match(last)
        return _of_family(found[1].lower()) if found is not None else None
    if checkpoint is None:
        return None
    words = [w for w in re.split(r"[-_./]", checkpoint.rpartition("/")[2].lower()) if w]
    answers = {_of_family(word) for word in words} - {None}
    return answers.pop() if len(answers) == 1 else None


def _of_family(word: str) -> bool | None:
    if word in _DROPPING:
        return True
    return False if any(re.fullmatch(family + r"[\d.x]*(moe)?", word) for family in _CONSTANT) else None


_NORMALISING = (
    "resnet",
    "resnext",
    "wide_resnet",
    "densenet",
    "mobilenet",
    "mnasnet",
    "shufflenet",
    "efficientnet",
)


def normalises_throughout(name: str) -> bool:
    """Whether BatchNorm stands in all large parts of a network of torchvision, the last ones apart."""
    family = name.removeprefix("torchvision.models.").rpartition(".")[2]
    return name.startswith("torchvision.models.") and family.startswith(_NORMALISING)
