"""Reports as Markdown and HTML: whatever text they are told, they can only say it."""

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.monitoring.document import Document, Formula, Grid, Listing, Picture, Section, Text, escaped

HOSTILE = '<script>alert("1")</script> | a `b` [x](http://evil.example/) ![y](//evil.example/z.png) &amp; **bold**'
PNG = b"\x89PNG\r\n\x1a\n"


class Seen(HTMLParser):
    """Tags, what they refer to, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def of(text: str) -> Document:
    """The same text everywhere that a document has room for it."""
    blocks = (Text(text), Listing((text, "plain")), Grid((text, "b"), ((text, text),)), Picture(text, PNG))
    return Document(text, text, (Section(text, blocks), Section("Formula", (Formula("a < b & c * d"),))))


def seen(document: Document) -> Seen:
    parser = Seen()
    parser.feed(document.html())
    return parser


@pytest.mark.parametrize("text", [HOSTILE, "</style></title></textarea>-->", "{{ 7 * 7 }}{% raw %}", '" onload="x', ""])
def test_hostile_text_becomes_text_in_html_and_nothing_else(text: str) -> None:
    found = seen(of(text))
    assert found.tags == seen(of("harmless")).tags
    assert found.links == [Picture("", PNG).link]
    assert html.unescape(text) in html.unescape(found.text)
    assert "49" not in found.text


def test_html_asks_no_other_place_for_anything_and_is_told_not_to() -> None:
    text = of("harmless").html()
    assert not re.search(r"(?:https?:)?//|@import|url\(", text)
    assert "default-src 'none'" in text
    assert 'name="color-scheme" content="light dark"' in text


@given(st.text(alphabet=st.sampled_from("ab1 \n\t#-+=_.)|`*[]<>&!~$\\("), max_size=24))
def test_no_mark_of_markdown_survives_unescaped(text: str) -> None:
    line = escaped(text)
    assert "\n" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]<>|&~$]", re.sub(r"\\[`*\[\]<>|&~$]", "", line.replace("\\\\", "")))
    assert not re.match(r"#|[-+=_][-+=_\s]|\d+[.)]\s", line)
    assert re.sub(r"\\(.)", r"\1", line) == " ".join(text.split())


def test_a_hostile_cell_does_not_break_its_table() -> None:
    lines = of(HOSTILE).markdown().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3, 3, 3]
    assert not [line for line in lines if re.search(r"(?<!\\)<|(?<!\\)\[", line.replace("a < b", ""))]


def test_markdown_has_headings_lists_tables_and_formulas_and_no_picture() -> None:
    document = Document("Card", "In short.", (
        Section("One", (Text("Said."), Grid(("a", "b"), (("1", "-0.5"), ("2", "x_y"))), Listing(("first", "2. no")))),
        Section("Two", (Formula("a < b & c * d"), Picture("plot", PNG))),
    ))  # fmt: skip
    assert document.markdown() == (
        "# Card\n\nIn short.\n\n## One\n\nSaid.\n\n| a | b |\n|---|---|\n| 1 | -0.5 |\n| 2 | x_y |\n\n- first\n"
        "- 2\\. no\n\n## Two\n\n```text\na < b & c * d\n```\n"
    )


def test_an_empty_document_has_a_title_and_a_lead() -> None:
    document = Document("Card", "Nothing.")
    assert document.markdown() == "# Card\n\nNothing.\n"
    assert seen(document).tags.count("h1") == 1
