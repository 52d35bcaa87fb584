"""Numbers for sizes that nothing says: small ones, that fit each other as far as names tell."""

from __future__ import annotations

import re

LIKELY = (
    (r"vocab|num_embeddings|n_?(tokens|words|chars)|(num|[nm])_?(tokens|words|chars|users|items)", 100),
    (r"layers?|depth|blocks|stages|levels", 3),  # the first, the last, and what is between them
    (r"heads?|groups|n_?dims?$", 2),
    (r"kernel|ksize", 3),
    (r"stride|dilation|padding|workers", 1),
    (r"batch|bs$", 8),
    (r"epoch|iters?$|iterations|steps?$", 3),
    (r"seq|len|context|window|block_size|horizon|frames|time", 16),
    (r"im(g|age)|resolution|height|width|crop|patch_?num|^[hw]$", 32),
    (r"patch", 4),
    (r"(in|image|img|n|num|input)_?ch|^(in_|n_)?(channels?|chs?)$", 3),
    (r"class|labels?$", 4),
    (r"dim|hidden|embed|units|features?|size|channels?|width|model|inner|latent", 16),
)


def likely(name: str) -> int:
    """A number for something of this name."""
    return next((number for pattern, number in LIKELY if re.search(pattern, name.lower())), 3)
