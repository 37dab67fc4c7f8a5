"""A report as plain data, and as Markdown or one HTML file: whatever it is told, it can only say it.

Text is escaped where it is written, in both: by Jinja's autoescape in HTML, by `escaped` in Markdown. Only
formulas are written as they stand, as code.
"""

import base64
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
_MARKS = re.compile(r"([\\`*\[\]<>|&~$])")
_STARTS = re.compile(r"^(?=#|[-+=_](?:[-+=_\s]|$))")
_NUMBERED = re.compile(r"^(\d+)([.)](?:\s|$))")


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Listing:
    """Points, one below the other."""

    points: tuple[str, ...]
    kind: Literal["listing"] = "listing"


@dataclass(frozen=True)
class Grid:
    """A table; every row as long as its head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True)
class Formula:
    """Lines of mathematics, written by us."""

    text: str
    kind: Literal["formula"] = "formula"


@dataclass(frozen=True)
class Picture:
    """A plot for the HTML; Markdown does without."""

    caption: str
    png: bytes
    kind: Literal["picture"] = "picture"

    @property
    def link(self) -> str:
        """The plot as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


Block: TypeAlias = Text | Listing | Grid | Formula | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands below."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole report; `lead`: what a reader in a hurry must know."""

    title: str
    lead: str
    sections: tuple[Section, ...] = field(default=())

    def markdown(self) -> str:
        """As Markdown without pictures, one blank line between blocks."""
        return _environments()[0].get_template("document.md.jinja").render(document=self)

    def html(self) -> str:
        """As one HTML file that asks no other place for anything, readable on light and dark screens."""
        return _environments()[1].get_template("document.html.jinja").render(document=self)


def escaped(value: object) -> str:
    """Text for one line of Markdown: no mark in it does anything, line breaks become blanks."""
    from markupsafe import Markup

    if isinstance(value, Markup):  # a formula, which the template has called safe
        return str(value)
    line = _MARKS.sub(r"\\\1", " ".join(str(value).split()))
    return _NUMBERED.sub(r"\1\\\2", _STARTS.sub(r"\\", line))


@cache
def _environments() -> "tuple[Environment, Environment]":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    html = Environment(loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    # Not HTML: `finalize` escapes every value that the template writes.
    return html.overlay(autoescape=False, finalize=escaped), html
