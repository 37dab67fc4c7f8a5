"""YAML that people write, as nodes which know their line, and none of the surprises of YAML 1.1."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

DEEPEST = 50
"""Mappings and lists within each other; no file that the platform reads needs a tenth of it."""
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TAG = "tag:yaml.org,2002:"
_KINDS = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "a yes or no",
    "null": "empty",
    "timestamp": "a date",
    "seq": "a list",
    "map": "a mapping",
}


class DocumentError(ValueError):
    """A file that holds no mapping in YAML; the message says what it is instead and the remedy, without a last stop."""


def document(file: Path, what: str, required: Sequence[str]) -> yaml.MappingNode:
    """The file as nodes, which keep the line of every key and build no objects.

    DocumentError speaks of the file as a `what`, and names the keys it cannot do without.
    """
    text = _text(file, what)
    try:
        if _too_deep(text):
            raise DocumentError(f"is not YAML of a {what}: nested too deep. Write one 'key: value' a line")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise DocumentError(f"is not YAML: {_told(error)}. Write one 'key: value' a line") from error
    if not isinstance(root, yaml.MappingNode):
        found = "empty" if root is None else kind(root)
        raise DocumentError(f"holds no keys (it is {found}). Write one 'key: value' a line, with {', '.join(required)}")
    return root


def _too_deep(text: str) -> bool:
    """Asked event by event: how deep nodes may be is else left to the limit that some library has set for Python."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return True
    return False


def kind(node: yaml.Node) -> str:
    """What a node is, in words: text, a number, a list."""
    return _KINDS.get(node.tag.removeprefix(_TAG), f"of the type {node.tag}")


def shown(node: yaml.Node) -> str:
    """What a node is and, where that is short, what it says."""
    return f"{kind(node)} ({node.value})" if isinstance(node, yaml.ScalarNode) and node.value else kind(node)


def decimal(node: yaml.Node) -> float | None:
    """The plain decimal a node is, None for anything else. YAML 1.1 would read 1:30 as 90, 010 as 8, 1e-2 as text."""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    if plain and node.tag in {f"{_TAG}{one}" for one in ("int", "float", "str")} and _DECIMAL.fullmatch(node.value):
        return float(node.value)
    return None


def text(node: yaml.Node) -> str | None:
    """The text a node is, None for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str" else None


def _text(file: Path, what: str) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DocumentError(f"there is no such file. Name an existing {what}, or none for the packaged one") from error
    except OSError as error:
        raise DocumentError(f"cannot be read ({error.strerror}). Name a readable file") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not text in UTF-8 (byte {error.start}). Save it as UTF-8") from error


def _told(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    return str(error).splitlines()[0]
