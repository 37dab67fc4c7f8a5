"""The rules read from versioned YAML, strictly: whatever is not understood is refused with its line and a remedy.

A limit that silently fell back, or a band with a hole in it, would flag loans by rules nobody wrote.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from creditrisk_assets.models.rules.conditions import Conditions, reason_of
from creditrisk_assets.models.rules.misfits import MisfitError, RulesError, entries, listed, number_of, text_of
from creditrisk_assets.models.rules.rule_set import BANDED, Band, Reason, RuleSet, misplaced
from creditrisk_assets.yaml_nodes import DocumentError, document

__all__ = ["PACKAGED", "RulesError", "load_rules"]

PACKAGED = Path(__file__).with_name("rules.yaml")
"""The rules of a platform that has not been given others."""

_KEYS = ("version", "bands", "reasons", "watchlist", "elevated")
_BAND = ("label", "above", "up_to")


def load_rules(path: Path | None = None) -> RuleSet:
    """The rules in the YAML file at `path`, or the packaged ones.

    RulesError names the file, the line, what is wrong there and the remedy.
    """
    file = PACKAGED if path is None else Path(path)
    try:
        return _rule_set(document(file, "file of rules", _KEYS))
    except MisfitError as misfit:
        raise RulesError(f"{file}, line {misfit.line}: {misfit}.") from misfit
    except DocumentError as error:
        raise RulesError(f"{file}: {error}.") from error


def _rule_set(root: yaml.MappingNode) -> RuleSet:
    found = entries(root, "the file", _KEYS, _KEYS)
    bands, reasons = _all_bands(found["bands"]), _reasons(found["reasons"])
    conditions = Conditions(reasons, bands)
    return RuleSet(
        text_of(found["version"], "version"),
        bands,
        tuple(reasons.values()),
        conditions.read(found["watchlist"], "watchlist"),
        conditions.read(found["elevated"], "elevated"),
    )


def _all_bands(node: yaml.Node) -> Mapping[str, tuple[Band, ...]]:
    found = entries(node, "bands", list(BANDED), list(BANDED))
    return {feature: _bands(found[feature], f"bands of {feature}") for feature in BANDED}


def _bands(node: yaml.Node, what: str) -> tuple[Band, ...]:
    nodes = listed(node, what)
    found = tuple(_band(one) for one in nodes)
    fault = misplaced(found)
    if fault is not None:
        raise MisfitError(nodes[fault[0]], f"{what}: {fault[1]}")
    return found


def _band(node: yaml.Node) -> Band:
    found = entries(node, "a band", _BAND, ("label",))
    ends = {end: number_of(found[end], end) for end in ("above", "up_to") if end in found}
    return Band(text_of(found["label"], "label"), **ends)


def _reasons(node: yaml.Node) -> Mapping[str, Reason]:
    found: dict[str, Reason] = {}
    for one in listed(node, "reasons"):
        reason = reason_of(one)
        if reason.name in found:
            raise MisfitError(one, f"reason {reason.name!r} stands there twice. Keep one, or rename it")
        found[reason.name] = reason
    return found
