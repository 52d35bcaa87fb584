"""Small networks that take and give what those of transformers do, with dropout and layer normalisation where these have them.

`from_pretrained` gives them in evaluation mode, as the original does; the weights are random.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from .missing import Missing
from .tokens import VOCABULARY

INNER, LAYERS = 32, 2
WIDTHS = (
    (r"xx?-?large|6\.7b|7b", 1024),
    (r"large|medium", 1024),
    (r"t5-small|small", 512),
    (r"mini", 256),
    (r"tiny", 128),
)
TASKS = (
    (r"For(SequenceClassification|ImageClassification|AudioClassification|NextSentencePrediction)$", "rows"),
    (r"ForTokenClassification$", "tokens"),
    (r"ForQuestionAnswering$", "span"),
    (r"ForMultipleChoice$", "choice"),
    (r"For(ConditionalGeneration|Seq2SeqLM)$|ModelForSeq2SeqLM$", "translation"),
    (r"For(MaskedLM|PreTraining)$|ModelWithLMHead$", "masked"),
    (r"For(CausalLM|LM)$|LMHeadModel$", "language"),
    (r"Model$", ""),
)


class Output(dict):  # type: ignore[type-arg]
    """Entries by name, as attributes and by place; taken apart it gives its values, as older versions do."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __getitem__(self, key: Any) -> Any:
        return dict.__getitem__(self, key) if isinstance(key, str) else self.to_tuple()[key]

    def __iter__(self) -> Any:
        return iter(self.to_tuple())

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self.values())


class Config:
    """Sizes under the names that programs ask for."""

    def __init__(self, *arguments: Any, **entries: Any) -> None:
        width = (
            entries.get("hidden_size")
            or entries.get("d_model")
            or entries.get("n_embd")
            or entries.get("dim")
            or 768
        )
        for name in ("hidden_size", "d_model", "n_embd", "dim", "projection_dim", "embedding_size"):
            setattr(self, name, width)
        self.vocab_size, self.num_labels, self.max_position_embeddings = VOCABULARY, 2, 512
        self.num_hidden_layers = self.n_layer = self.num_layers = LAYERS
        self.num_attention_heads = self.n_head = 4
        self.hidden_dropout_prob = self.attention_probs_dropout_prob = self.dropout = 0.1
        self.output_hidden_states = self.output_attentions = self.is_decoder = self.is_encoder_decoder = False
        self.return_dict = self.use_return_dict = True
        self.initializer_range, self.layer_norm_eps, self.pad_token_id, self.eos_token_id = 0.02, 1e-5, 0, 3
        self.update(entries)

    @classmethod
    def from_pretrained(cls, name: Any = "", *arguments: Any, **entries: Any) -> Config:
        called = str(name).lower()
        width = next((width for pattern, width in WIDTHS if re.search(pattern, called)), 768)
        return cls(**{"hidden_size": width, **entries})

    def update(self, entries: Any) -> None:
        vars(self).update(
            {name: value for name, value in dict(entries).items() if not isinstance(value, Missing)}
        )
        labels = vars(self).get("id2label")
        self.num_labels = len(labels) if labels and "num_labels" not in entries else int(self.num_labels)

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    to_diff_dict = to_dict


class Block(nn.Module):  # type: ignore[misc,unused-ignore]
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.LayerNorm, self.dropout = (
            nn.Linear(INNER, INNER),
            nn.LayerNorm(INNER),
            nn.Dropout(0.1),
        )

    def forward(self, states: Any, *arguments: Any, **keywords: Any) -> Any:
        return self.LayerNorm(states + self.dropout(torch.tanh(self.dense(states))))


class Pretrained(nn.Module):  # type: ignore[misc,unused-ignore]
    """What programs build networks of their own on, and the networks below: a configuration, and weights to come."""

    config_class: Any = Config
    base_model_prefix = "model"

    def __init__(self, config: Any = None, *arguments: Any, **keywords: Any) -> None:
        super().__init__()
        self.config: Any = config if config is not None and not isinstance(config, Missing) else Config()

    @classmethod
    def from_pretrained(cls, name: Any = "", *arguments: Any, config: Any = None, **entries: Any) -> Any:
        config = (
            Config.from_pretrained(name, **entries)
            if config is None or isinstance(config, Missing)
            else config
        )
        return cls(config).eval()

    from_config = classmethod(lambda cls, config, **keywords: cls(config))
    _from_config = from_config

    def init_weights(self, *arguments: Any, **keywords: Any) -> None:
        return None

    post_init = tie_weights = save_pretrained = gradient_checkpointing_enable = (
        gradient_checkpointing_disable
    ) = init_weights
    resize_token_embeddings = enable_input_require_grads = print_trainable_parameters = init_weights

    @property
    def device(self) -> Any:
        return next(self.parameters()).device

    def num_parameters(self, **keywords: Any) -> int:
        return sum(p.numel() for p in self.parameters())


class Body(Pretrained):
    """Words, pictures or sounds to a state per place."""

    def __init__(self, config: Any = None, *arguments: Any, **keywords: Any) -> None:
        super().__init__(config)
        width = int(getattr(self.config, "hidden_size", 768))
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(VOCABULARY, INNER)
        self.embeddings.patches = nn.Linear(3, INNER)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Block() for _ in range(LAYERS))
        self.dropout, self.widen, self.pooler = (
            nn.Dropout(0.1),
            nn.Linear(INNER, width),
            nn.Linear(width, width),
        )

    def get_input_embeddings(self) -> Any:
        return self.embeddings.word_embeddings

    def forward(self, input_ids: Any = None, attention_mask: Any = None, **keywords: Any) -> Any:
        given = next(
            (
                keywords[n]
                for n in ("pixel_values", "inputs_embeds", "input_values")
                if keywords.get(n) is not None
            ),
            input_ids,
        )
        states = [self.dropout(self._embedded(given))]
        for layer in self.encoder.layer:
            states.append(layer(states[-1]))
        last = self.widen(states[-1])
        found = Output(last_hidden_state=last, pooler_output=torch.tanh(self.pooler(last[:, 0])))
        if keywords.get("output_hidden_states") or getattr(self.config, "output_hidden_states", False):
            found["hidden_states"] = (*(self.widen(state) for state in states[:-1]), last)
        whole = keywords.get("return_dict", getattr(self.config, "return_dict", True)) is not False
        return found if whole else found.to_tuple()

    def _embedded(self, given: Any) -> Any:
        if not given.is_floating_point():
            return self.embeddings.word_embeddings(given.reshape(len(given), -1) % VOCABULARY)
        rows = (
            given
            if given.dim() == 3
            else given.flatten(2).transpose(1, 2)
            if given.dim() == 4
            else given[..., None]
        )
        rows = (
            nn.functional.adaptive_avg_pool1d(rows.transpose(1, 2).float(), 16).transpose(1, 2)
            if given.dim() != 3
            else rows
        )
        return self.embeddings.patches(nn.functional.adaptive_avg_pool1d(rows.float(), 3))


class Task(Pretrained):
    """A body with a head on it, that computes its own loss where it is given labels."""

    task = "rows"

    def __init__(self, config: Any = None, *arguments: Any, **keywords: Any) -> None:
        super().__init__(config)
        self.body, self.dropout = Body(self.config), nn.Dropout(0.1)
        outputs = {
            "rows": int(self.config.num_labels),
            "tokens": int(self.config.num_labels),
            "span": 2,
            "choice": 1,
        }
        self.classifier = nn.Linear(int(self.config.hidden_size), outputs.get(self.task, VOCABULARY))

    def __getattr__(self, name: str) -> Any:
        """The body under the name of its family, the head under those of others."""
        if name in (
            "bert",
            "roberta",
            "distilbert",
            "deberta",
            "electra",
            "albert",
            "transformer",
            "model",
            "base_model",
            "encoder",
        ):
            return nn.Module.__getattr__(self, "body")
        if name in ("score", "lm_head", "qa_outputs", "cls"):
            return nn.Module.__getattr__(self, "classifier")
        return nn.Module.__getattr__(self, name)

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None, **keywords: Any
    ) -> Any:
        ends = [keywords.pop(name, None) for name in ("start_positions", "end_positions")]
        shape = input_ids.shape if self.task == "choice" and input_ids is not None else None
        flat = input_ids.flatten(0, 1) if shape is not None else input_ids
        keywords, whole = {**keywords, "return_dict": True}, keywords.get("return_dict") is not False
        body = self.body(flat, attention_mask, **keywords)
        rows = self.task in ("rows", "choice")
        scores = self.classifier(self.dropout(body.pooler_output if rows else body.last_hidden_state))
        if self.task == "span":
            found = _span(scores, *ends)
        else:
            scores = scores.reshape(shape[:2]) if shape is not None else scores
            found = Output() if labels is None else Output(loss=self._loss(scores, labels, input_ids))
            found["logits"] = scores
        if "hidden_states" in body:
            found["hidden_states"] = body.hidden_states
        return found if whole else found.to_tuple()

    def _loss(self, scores: Any, labels: Any, ids: Any) -> Any:
        if self.task in ("rows", "choice"):
            if scores.shape[-1] == 1:
                return nn.functional.mse_loss(scores.squeeze(-1), labels.float().reshape(scores.shape[:-1]))
            if labels.is_floating_point() and labels.shape == scores.shape:
                return nn.functional.binary_cross_entropy_with_logits(scores, labels)
            return nn.functional.cross_entropy(scores, labels.long().reshape(-1))
        if labels.shape != scores.shape[:-1]:
            labels = (labels if labels.dim() == 2 else ids)[:, :1].expand(
                scores.shape[:-1]
            )  # made up, as the network is
        if self.task == "language":
            scores, labels = scores[:, :-1], labels[:, 1:]
        labels = torch.where(labels < 0, -100, labels % scores.shape[-1])
        return nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten().long(), ignore_index=-100)

    @torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]
    def generate(
        self, input_ids: Any = None, *arguments: Any, max_length: Any = None, **keywords: Any
    ) -> Any:
        """A few more words, as the original without gradients."""
        for _ in range(2):
            scores = self(input_ids).logits if self.task not in ("rows", "tokens") else None
            more = scores[:, -1:].argmax(-1) if scores is not None else input_ids[:, -1:]
            input_ids = torch.cat([input_ids, more], 1)
        return input_ids


def _span(scores: Any, start: Any, end: Any) -> Output:
    first, last = scores[..., 0], scores[..., 1]
    found = Output()
    if start is not None and end is not None:
        pairs = ((first, start), (last, end))
        found["loss"] = (
            sum(nn.functional.cross_entropy(s, p.long().clamp(0, s.shape[1] - 1)) for s, p in pairs) / 2
        )
    found.update(start_logits=first, end_logits=last)
    return found
