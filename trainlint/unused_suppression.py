"""A suppression comment that suppresses nothing hides the next real finding.

A comment such as `# trainlint: ignore[missing-no-grad]` is a promise that somebody looked at this line.
When the finding is gone, because the code was changed or the rule learned better, the comment stays and will
silence a later, real finding at the same place.

It is reported where a comment names a rule that is selected and that has nothing to say there.

```python
optimizer.zero_grad()  # trainlint: ignore[missing-zero-grad]
```

## When it is fine

A comment for a rule that this run did not select is never reported: somebody else may run it. To keep such comments
everywhere, put `unused-suppression` into `ignore`.

## Fix

Delete the comment, or the rule's name in it.

## Sources

The same idea stands behind `RUF100` of ruff, `warn_unused_ignores` of mypy and `--report-unused-disable-directives`
of ESLint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.rule import Finding, Options, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainlint.meaning.program import Program


def check(program: Program, options: Options) -> Iterator[Finding]:
    """Nothing: only `lint` knows which comments were of use, and reports under this name."""
    yield from ()


rule = Rule(check, None, level="advice", since="0.1", gain=0, words=("trainlint",))
