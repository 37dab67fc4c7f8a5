"""What rules are made of: bands, conditions, and the set of them that is in force."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from creditrisk_assets.contracts import BAND_LABELS, FEATURES_LOANS, MISSING_BAND

Operator = Literal["<", "<=", "=", "!=", ">=", ">"]
OF_NUMBERS: tuple[Operator, ...] = ("<", "<=", "=", "!=", ">=", ">")
OF_TEXTS: tuple[Operator, ...] = ("=", "!=")
OF_BANDS: tuple[Operator, ...] = ("<=", "=", ">=")

BANDED = {"debt_to_income": "dti_band", "revolving_utilisation": "utilisation_band", "interest_rate": "rate_band"}
"""Features that have bands, and the column that holds the band."""

KNOWN = {name: FEATURES_LOANS.schema[name] for name in FEATURES_LOANS.names("application")}
"""Features a rule may look at, with their types: those known at application, the price among them."""


@dataclass(frozen=True)
class Band:
    """Values above `above` and not above `up_to`, in the unit of the feature; None where open."""

    label: str
    above: float | None = None
    up_to: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A feature beside a number or a text; false where the feature is missing."""

    feature: str
    operator: Operator
    value: float | str

    def __str__(self) -> str:
        value = f"{self.value:g}" if isinstance(self.value, float) else f"'{self.value}'"
        return f"{self.feature} {self.operator} {value}"


@dataclass(frozen=True)
class InBand:
    """The band of a feature beside a label; `Missing` is at least or at most nothing."""

    feature: str
    operator: Operator
    label: str

    def __str__(self) -> str:
        return f"{BANDED[self.feature]} {self.operator} {self.label}"


@dataclass(frozen=True)
class Reason:
    """A condition with a name."""

    name: str
    condition: Comparison

    def __str__(self) -> str:
        return str(self.condition)


@dataclass(frozen=True)
class Joined:
    """All (`and`) or any (`or`) of some conditions."""

    word: Literal["and", "or"]
    parts: tuple["Condition", ...]

    def __str__(self) -> str:
        told = (f"({part})" if isinstance(part, Joined) else str(part) for part in self.parts)
        return f" {self.word} ".join(told)


Condition: TypeAlias = Comparison | InBand | Reason | Joined


@dataclass(frozen=True, eq=False)
class RuleSet:
    """The rules in force, as `reading.load_rules` makes them of a file that keeps them.

    `bands` by feature, from the bottom up, every value in exactly one of them; `reasons` in the order in
    which they are told. A loan on the watchlist has the tier Watchlist, of the others those for which
    `elevated` holds have Elevated, and the rest Low. One is told from another by being it.
    """

    version: str
    bands: Mapping[str, tuple[Band, ...]]
    reasons: tuple[Reason, ...]
    watchlist: Condition
    elevated: Condition

    def band(self, feature: str, label: str) -> Band:
        """The band with a label; KeyError when the feature has none."""
        for one in self.bands[feature]:
            if one.label == label:
                return one
        raise KeyError(f"{feature} has no band {label}")

    def features(self) -> list[str]:
        """Columns of features/loans that the rules look at, in the order of the contract."""
        seen = {*self.bands, *(reason.condition.feature for reason in self.reasons)}
        for condition in (self.watchlist, self.elevated):
            seen |= set(_features(condition))
        return [name for name in KNOWN if name in seen]


def _features(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Joined):
        for part in condition.parts:
            yield from _features(part)
    else:
        yield condition.condition.feature if isinstance(condition, Reason) else condition.feature


def misplaced(bands: tuple[Band, ...]) -> tuple[int, str] | None:
    """Place and fault, with remedy, of the first band that leaves a value without a band or gives it two.

    None when every value is in exactly one band and the labels rise.
    """
    for place, band in enumerate(bands):
        before = bands[place - 1] if place else None
        fault = _label_fault(band, before) or _start_fault(band, before) or _end_fault(band, place == len(bands) - 1)
        if fault:
            return place, fault
    return None


def _label_fault(band: Band, before: Band | None) -> str | None:
    if band.label not in BAND_LABELS:
        own = f" (values that are missing are {MISSING_BAND} in any case)" if band.label == MISSING_BAND else ""
        return f"label is {band.label!r}{own}. Use one of {', '.join(BAND_LABELS)}"
    if before is not None and BAND_LABELS.index(band.label) <= BAND_LABELS.index(before.label):
        return f"{band.label} follows on {before.label}. Order bands from the bottom up as {', '.join(BAND_LABELS)}"
    return None


def _start_fault(band: Band, before: Band | None) -> str | None:
    if before is None:
        gap = f"the first band starts above {band.above}, a gap: lower values have no band. Remove 'above'"
        return None if band.above is None else gap
    end = before.up_to
    if end is None:
        return f"{before.label} before it has no end and takes everything. Give {before.label} an 'up_to'"
    if band.above is None or band.above < end:
        start = "has no 'above'" if band.above is None else f"starts above {band.above:g}"
        return f"{band.label} {start} and overlaps {before.label} up to {end:g}. Write above: {end:g}"
    if band.above > end:
        return f"a gap: nothing takes the values above {end:g} up to {band.above:g}. Write above: {end:g}"
    return None


def _end_fault(band: Band, last: bool) -> str | None:
    if band.up_to is not None and band.above is not None and band.up_to <= band.above:
        return f"{band.label} ends at {band.up_to:g}, not after its start at {band.above:g}. Raise 'up_to'"
    if last and band.up_to is not None:
        return f"the last band ends at {band.up_to:g}, a gap: higher values have no band. Remove 'up_to'"
    return None
