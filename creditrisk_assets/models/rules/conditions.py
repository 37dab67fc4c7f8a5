"""Conditions of a file of rules: features beside values, bands, reasons by name, joined by and and or."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import polars as pl
import yaml

from creditrisk_assets.contracts import MISSING_BAND
from creditrisk_assets.models.rules.misfits import MisfitError, entries, listed, number_of, one_of, text_of
from creditrisk_assets.models.rules.rule_set import (
    BANDED,
    KNOWN,
    OF_BANDS,
    OF_NUMBERS,
    OF_TEXTS,
    Band,
    Comparison,
    Condition,
    InBand,
    Joined,
    Operator,
    Reason,
)
from creditrisk_assets.yaml_nodes import shown

DEEPEST = 8
"""Conditions within conditions; an alias that holds itself would have no end."""

_COMPARED = ("feature", "operator", "value")
_BANDED = ("band_of", "operator", "value")
_FORMS = "reason, feature, band_of, and, or"


def reason_of(node: yaml.Node) -> Reason:
    """A condition with a name, which holds no comma: names are told with commas between. MisfitError otherwise."""
    keys = ("name", *_COMPARED)
    found = entries(node, "a reason", keys, keys)
    name = text_of(found["name"], "name")
    if "," in name:
        raise MisfitError(found["name"], f"name {name!r} holds a comma, which stands between names. Leave it out")
    return Reason(name, _comparison(found))


def _comparison(found: Mapping[str, yaml.Node]) -> Comparison:
    feature = one_of(found["feature"], "feature", list(KNOWN))
    if KNOWN[feature] == pl.String:
        operator = one_of(found["operator"], f"operator for {feature}, a text,", OF_TEXTS)
        return Comparison(feature, cast("Operator", operator), text_of(found["value"], f"value for {feature}"))
    operator = one_of(found["operator"], f"operator for {feature}", OF_NUMBERS)
    return Comparison(feature, cast("Operator", operator), number_of(found["value"], f"value for {feature}"))


@dataclass(frozen=True)
class Conditions:
    """Reads conditions that may name these reasons and bands."""

    reasons: Mapping[str, Reason]
    bands: Mapping[str, tuple[Band, ...]]

    def read(self, node: yaml.Node, what: str, depth: int = 0) -> Condition:
        """The condition a node says; MisfitError otherwise."""
        if depth > DEEPEST:
            raise MisfitError(
                node, f"{what} is nested deeper than {DEEPEST} levels. Give parts of it a name under reasons"
            )
        if not isinstance(node, yaml.MappingNode):
            raise MisfitError(node, f"a condition of {what} is {shown(node)}, not a mapping. Write one with {_FORMS}")
        keys = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        for word in ("and", "or"):
            if word in keys:
                parts = listed(entries(node, f"'{word}' in {what}", (word,))[word], f"'{word}' in {what}")
                joined = tuple(self.read(part, what, depth + 1) for part in parts)
                return Joined(word, joined)
        if "reason" in keys:
            return self._named(entries(node, "a reason", ("reason",))["reason"])
        if "band_of" in keys:
            return self._banded(entries(node, "a condition on a band", _BANDED, _BANDED))
        return _comparison(entries(node, f"a condition of {what}", _COMPARED, _COMPARED))

    def _named(self, node: yaml.Node) -> Reason:
        return self.reasons[one_of(node, "reason", list(self.reasons))]

    def _banded(self, found: Mapping[str, yaml.Node]) -> InBand:
        feature = one_of(found["band_of"], "band_of", list(BANDED))
        operator = one_of(found["operator"], f"operator for the band of {feature}", OF_BANDS)
        label = one_of(found["value"], f"band of {feature}", [*(b.label for b in self.bands[feature]), MISSING_BAND])
        if label == MISSING_BAND and operator != "=":
            raise MisfitError(
                found["operator"], f'{MISSING_BAND} is no place in the order of bands. Write the operator "="'
            )
        return InBand(feature, cast("Operator", operator), label)
