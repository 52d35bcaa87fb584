"""Vocabularies of words that are built of texts: by tokenizers of Hugging Face, and by torchtext."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.dataflow import walk
from trainlint.meaning.facts.tables import VOCABULARIES
from trainlint.meaning.rows import Rows
from trainlint.meaning.shaped import Fit, View
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import External, Instance, Item, Member, Result, Sequence, Value, one, options

if TYPE_CHECKING:
    from trainlint.meaning.fits import Reader


def vocabularies(reader: Reader) -> Iterator[Fit]:
    """One for each call that learns words. Pieces of words are learnt of any text: which one hardly matters."""
    for call in reader.log.calls:
        if call.node is None or not _learns_words(call):
            continue
        given = call.arguments[0] if call.arguments else call.keywords.get("iterator")
        rows = _gone_through(reader, given, call) if given is not None else frozenset()
        if rows:
            yield Fit(call.node, "vocabulary", True, rows, call.at, call.region)


def _learns_words(call: Result) -> bool:
    match call.callee:
        case External(name=name):
            return name in VOCABULARIES
        case Member(receiver=receiver, name="train_from_iterator"):
            return all(_is_of_words(fitted_object(option)) for option in options(receiver))
    return False


def _is_of_words(tokenizer: Value) -> bool:
    if made_by(tokenizer) != "tokenizers.Tokenizer" or not isinstance(tokenizer, (Instance, Result)):
        return False
    model = tokenizer.arguments[0] if tokenizer.arguments else tokenizer.keywords.get("model")
    return model is not None and made_by(one(model)) == "tokenizers.models.WordLevel"


def _gone_through(reader: Reader, given: Value, call: Result) -> Rows:
    """The rows of a table, or of what a generator or a list goes through to its end."""
    found: Rows = frozenset()
    for option in options(given):
        held = one(option)
        if isinstance(held, Sequence):
            parts = [v for v in (*held.items, held.element) if v is not None]
            turns = [v for part in parts for v in walk(part) if isinstance(v, Item) and v.key is None]
            found |= frozenset().union(*(reader.table(turn.source, View(call.at)).rows for turn in turns))
        else:
            found |= reader.at_call(held, call).rows
    return found
