"""Faults of a file of rules, each at its line; and nodes of it as what they must be."""

import math
from collections.abc import Sequence

import yaml

from creditrisk_assets.yaml_nodes import decimal, kind, shown, text


class RulesError(ValueError):
    """Rules that cannot be used; the message names the file, the line, what is wrong there and the remedy."""


class MisfitError(RulesError):
    """What is wrong at a node."""

    def __init__(self, node: yaml.Node, said: str) -> None:
        super().__init__(said)
        self.line = node.start_mark.line + 1


def entries(node: yaml.Node, what: str, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, yaml.Node]:
    """Value of every key of a mapping, each known and there once; MisfitError otherwise."""
    if not isinstance(node, yaml.MappingNode):
        raise MisfitError(node, f"{what} is {shown(node)}, not a mapping. Write it with the keys {', '.join(known)}")
    found: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else kind(key_node)
        if key in found:
            raise MisfitError(key_node, f"{key} stands there again. Keep one of the two")
        if key not in known:
            raise MisfitError(
                key_node, f"{key} is not a key of {what}. Mend or remove it; the keys are {', '.join(known)}"
            )
        found[key] = value
    for key in required:
        if key not in found:
            raise MisfitError(node, f"{what} has no {key}. Add '{key}: ...'; the packaged rules.yaml explains it")
    return found


def listed(node: yaml.Node, what: str) -> list[yaml.Node]:
    """Nodes of a list with at least one; MisfitError otherwise."""
    if not isinstance(node, yaml.SequenceNode):
        raise MisfitError(node, f"{what} is {shown(node)}, not a list. Write one '- ' for each")
    if not node.value:
        raise MisfitError(node, f"{what} is an empty list. Write at least one")
    return list(node.value)


def text_of(node: yaml.Node, what: str) -> str:
    """A text that is not blank; MisfitError otherwise."""
    found = text(node)
    if found is None:
        raise MisfitError(node, f"{what} is {shown(node)}, not text. Put it in quotes")
    if not found.strip():
        raise MisfitError(node, f"{what} is blank. Name it")
    return found


def number_of(node: yaml.Node, what: str) -> float:
    """A finite plain decimal; MisfitError otherwise."""
    found = decimal(node)
    if found is None or not math.isfinite(found):
        raise MisfitError(
            node, f"{what} is {shown(node)}, not a plain decimal. Write a number such as 30, without quotes"
        )
    return found


def one_of(node: yaml.Node, what: str, allowed: Sequence[str]) -> str:
    """A text out of some; MisfitError otherwise."""
    found = text_of(node, what)
    if found not in allowed:
        raise MisfitError(node, f"{what} is {found!r}. Use one of {', '.join(allowed)}")
    return found
