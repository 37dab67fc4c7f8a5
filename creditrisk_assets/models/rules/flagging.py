"""The rules for whoever asks about a row or a thousand: what `evaluate` says, worked out of plain values.

What holds of a loan is a number: a bit for every reason, then one for the watchlist and one for the tier
Elevated. There are few such numbers, so what is told of one is told once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets import formulas
from creditrisk_assets.contracts import TIERS
from creditrisk_assets.formulas import Formula
from creditrisk_assets.models.rules.evaluation import holds
from creditrisk_assets.models.rules.rule_set import RuleSet

_LOW, _ELEVATED, _WATCHLIST = TIERS


@dataclass(frozen=True)
class Flagging:
    """A rule set put to use on plain values: features by name, numbers nan and texts None where missing."""

    rules: RuleSet

    @cached_property
    def _conditions(self) -> list[tuple[int, Formula]]:
        asked = (*self.rules.reasons, self.rules.watchlist, self.rules.elevated)
        return [(1 << place, holds(self.rules, one, formulas)) for place, one in enumerate(asked)]

    def one(self, features: Mapping[str, Any]) -> int:
        """What holds of a loan."""
        return sum([bit for bit, condition in self._conditions if condition.one(features)])

    def many(self, features: Mapping[str, NDArray[Any]]) -> list[int]:
        """What holds of n loans, whose features are arrays (n,)."""
        whole: NDArray[np.int64] | int = 0
        for bit, condition in self._conditions:
            whole = add(whole, condition.many(features) * np.int64(bit))
        found: list[int] = np.asarray(whole).tolist()
        return found

    def told(self, held: int) -> tuple[str, bool, tuple[str, ...]]:
        """(tier, on the watchlist?, names of the reasons) of what holds."""
        count = len(self.rules.reasons)
        listed, elevated = bool(held >> count & 1), bool(held >> count + 1 & 1)
        tier = _WATCHLIST if listed else _ELEVATED if elevated else _LOW
        return tier, listed, tuple(one.name for place, one in enumerate(self.rules.reasons) if held >> place & 1)
