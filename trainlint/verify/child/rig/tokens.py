"""A small double of the tokenizers of transformers: words become numbers, the same word the same number."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from .inert import Inert
from .missing import Missing

VOCABULARY = 1000
PAD, UNKNOWN, START, END, MASK = range(5)
LONGEST = 24  # words of one text, where nothing asks for more
SPECIAL = {"pad": PAD, "unk": UNKNOWN, "cls": START, "bos": START, "sep": END, "eos": END, "mask": MASK}


class Encoding(dict):  # type: ignore[type-arg]
    """What a tokenizer gives: entries by name and as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def data(self) -> Encoding:
        return self

    def to(self, *arguments: Any, **keywords: Any) -> Encoding:
        for name, value in self.items():
            if isinstance(value, torch.Tensor):
                self[name] = value.to(*arguments, **keywords)
        return self

    def word_ids(self, row: int = 0) -> list[int | None]:
        ids = self["input_ids"]
        ids = ids[row] if isinstance(ids, torch.Tensor) or (ids and isinstance(ids[0], list)) else ids
        return [None if int(number) in (PAD, START, END) else place for place, number in enumerate(ids)]


class Tokenizer:
    """Takes texts apart at spaces; `model_max_length` and the special tokens have the usual names."""

    model_max_length = 512
    padding_side = truncation_side = "right"
    vocab_size = VOCABULARY
    all_special_ids = tuple(sorted(set(SPECIAL.values())))
    all_special_tokens = tuple(f"[{name.upper()}]" for name in SPECIAL)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        return None

    @classmethod
    def from_pretrained(cls, *arguments: Any, **keywords: Any) -> Tokenizer:
        return cls()

    def __len__(self) -> int:
        return VOCABULARY

    def __getattr__(self, name: str) -> Any:
        """`pad_token` and `pad_token_id`, and so on; what else is asked of it does nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        known = re.fullmatch(r"(\w+?)_token(_id)?", name)
        if known and known[1] in SPECIAL:
            return SPECIAL[known[1]] if known[2] else f"[{known[1].upper()}]"
        return Inert(name)

    def tokenize(self, text: Any, *arguments: Any, **keywords: Any) -> list[str]:
        return _words(text)

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        return _number(tokens) if isinstance(tokens, str) else [_number(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, **keywords: Any) -> Any:
        return f"w{ids}" if isinstance(ids, int) else [f"w{int(number)}" for number in ids]

    def decode(self, ids: Any, **keywords: Any) -> str:
        ids = ids if isinstance(ids, (list, tuple, torch.Tensor)) else [ids]
        return " ".join(f"w{int(number)}" for number in ids if int(number) > MASK)

    def batch_decode(self, rows: Any, **keywords: Any) -> list[str]:
        return [self.decode(row) for row in rows]

    def get_vocab(self) -> dict[str, int]:
        return {f"w{number}": number for number in range(VOCABULARY)}

    def add_tokens(self, *arguments: Any, **keywords: Any) -> int:
        return 0

    add_special_tokens = add_tokens

    def encode(self, text: Any, pair: Any = None, **keywords: Any) -> Any:
        return self(text, pair, **keywords)["input_ids"]

    def __call__(self, text: Any = None, text_pair: Any = None, *arguments: Any, **keywords: Any) -> Encoding:
        several = _is_batch(text)
        texts = list(text) if several else [text]
        pairs = list(text_pair) if several and text_pair is not None else [text_pair] * len(texts)
        encloses = keywords.get("add_special_tokens", True)
        rows = [_ids(one, other, encloses) for one, other in zip(texts, pairs, strict=False)]
        found = _padded(rows, keywords)
        kind = keywords.get("return_tensors")
        if kind in ("pt", "np"):
            made = {name: torch.tensor(value) for name, value in found.items()}
            return Encoding(made if kind == "pt" else {name: value.numpy() for name, value in made.items()})
        return Encoding(found if several else {name: value[0] for name, value in found.items()})

    encode_plus = batch_encode_plus = __call__

    def pad(self, encodings: Any, *arguments: Any, **keywords: Any) -> Encoding:
        rows = (
            encodings["input_ids"] if isinstance(encodings, Mapping) else [e["input_ids"] for e in encodings]
        )
        found = _padded([[int(number) for number in row] for row in rows], {**keywords, "padding": True})
        if not isinstance(encodings, Mapping):
            others = [name for name in encodings[0] if name not in found]
            found.update({name: [encoding[name] for encoding in encodings] for name in others})
        if keywords.get("return_tensors") == "pt":
            return Encoding({name: torch.as_tensor(value) for name, value in found.items()})
        return Encoding(found)


def _is_batch(text: Any) -> bool:
    return not isinstance(text, (str, Missing, Inert)) and hasattr(text, "__iter__")


def _words(text: Any) -> list[str]:
    """The words of a text; of what is not here, and so no text, a few."""
    if isinstance(text, (list, tuple)):
        return [str(word) for word in text]
    return str(text).split()[:LONGEST] if isinstance(text, str) else ["a", "text", "that", "is", "missing"]


def _number(word: Any) -> int:
    return MASK + 1 + zlib.crc32(str(word).encode()) % (VOCABULARY - MASK - 1)


def _ids(text: Any, pair: Any, encloses: bool) -> list[int]:
    numbers = [_number(word) for word in _words(text)]
    if pair is not None:
        numbers += [END, *(_number(word) for word in _words(pair))]
    return [START, *numbers, END] if encloses else numbers


def _padded(rows: list[list[int]], asked: Mapping[str, Any]) -> dict[str, Any]:
    """All rows equally long where that is asked for, with masks."""
    most = asked.get("max_length")
    most = most if isinstance(most, int) else None
    rows = [row[: most or len(row)] for row in rows]
    fixed = asked.get("padding") == "max_length" or asked.get("pad_to_max_length") is True
    pads = bool(asked.get("padding")) or fixed or asked.get("return_tensors") is not None
    longest = (most or Tokenizer.model_max_length) if fixed else max(map(len, rows), default=0)
    missing = [longest - len(row) if pads else 0 for row in rows]
    return {
        "input_ids": [row + [PAD] * count for row, count in zip(rows, missing, strict=True)],
        "token_type_ids": [[0] * (len(row) + count) for row, count in zip(rows, missing, strict=True)],
        "attention_mask": [[1] * len(row) + [0] * count for row, count in zip(rows, missing, strict=True)],
    }


class Collator:
    """Makes a batch of encoded texts, as a tokenizer pads them; the labels of language models are the texts."""

    labelled = False

    def __init__(self, tokenizer: Any = None, *arguments: Any, **keywords: Any) -> None:
        self.tokenizer = tokenizer or Tokenizer()

    def __call__(self, samples: Any) -> Encoding:
        batch: Encoding = self.tokenizer.pad(samples, return_tensors="pt")
        if "label" in batch:
            batch["labels"] = batch.pop("label")
        if self.labelled and "labels" not in batch:
            batch["labels"] = batch["input_ids"].clone()
        return batch


class LanguageCollator(Collator):
    labelled = True


def names() -> Iterator[tuple[str, Any]]:
    """What is called like this is one of these."""
    yield r"\w*(Tokenizer|TokenizerFast|Processor|FeatureExtractor)", Tokenizer
    yield r"DataCollatorForLanguageModeling", LanguageCollator
    yield r"DataCollator\w+", Collator
    yield r"BatchEncoding", Encoding


KNOWN = 100  # words that a vocabulary which is not here has


class Vocabulary(dict):  # type: ignore[type-arg]
    """Numbers for words, and words for numbers: some are known, the others made when they are asked for."""

    def __init__(self) -> None:
        super().__init__({f"word{number}": number for number in range(KNOWN)})

    def __missing__(self, word: Any) -> Any:
        if isinstance(word, int):
            return f"word{word}"
        return zlib.crc32(str(word).encode()) % KNOWN

    def __contains__(self, word: Any) -> bool:
        return True

    def get(self, word: Any, default: Any = None) -> Any:
        return self[word]

    def __call__(self, words: Any) -> Any:
        return [self[word] for word in words]
