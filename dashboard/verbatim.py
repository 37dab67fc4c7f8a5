"""Text of others as markdown that shows it letter by letter: a name or an identifier may hold markup of its own.

An image in it would have the browser of whoever looks ask somebody else's server.
"""

import re

_MARKUP = re.compile(r"([\\`*_\[\]{}<>#|~$:&!])")
_BACKTICKS = re.compile("`+")


def plain(text: str) -> str:
    """As running text, also in the label of a button."""
    return _MARKUP.sub(r"\\\1", _on_one_line(text))


def code(text: str) -> str:
    """As an identifier is shown, `so`; its fence is longer than any within."""
    told = _on_one_line(text)
    longest = max((len(run) for run in _BACKTICKS.findall(told)), default=0)
    blank = " " if longest else ""
    fence = "`" * (longest + 1)
    return f"{fence}{blank}{told}{blank}{fence}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
