"""The lender's choices under IFRS 9: thresholds, backstops and scenarios, read from versioned YAML.

Strict as the policy is: a key that is misspelt, doubled or out of range is refused with its line.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from creditrisk_assets.yaml_nodes import DocumentError, decimal, document, kind, shown, text

PACKAGED = Path(__file__).with_name("ifrs9.yaml")
"""The choices of a platform that has not been given others."""

DISCOUNTING = ("effective", "none")
_INCREASES = ("relative_increase", "absolute_increase")
_COUNTS = ("significant_increase_days", "default_days", "months_to_write_off")
_KEYS = ("version", *_INCREASES, *_COUNTS, "discounting", "scenarios")
_OF_A_SCENARIO = ("weight", "shift")
_LIMITS = {
    "relative_increase": (1.0, 100.0),
    "absolute_increase": (0.0, 1.0),
    "significant_increase_days": (0.0, 89.0),
    "default_days": (1.0, 90.0),
    "months_to_write_off": (0.0, 120.0),
}


class ImpairmentError(ValueError):
    """Choices that cannot be used; the message names the file, the key, its line and the remedy."""


class _MisfitError(ImpairmentError):
    """One value at odds with the rules; `key` tells where to look for its line."""

    def __init__(self, key: str, said: str) -> None:
        super().__init__(f"{key} {said}")
        self.key = key


@dataclass(frozen=True)
class Scenario:
    """One course of the economy: its probability, and what it adds to the monthly log-odds of default."""

    name: str
    weight: float
    shift: float


@dataclass(frozen=True)
class Choices:
    """What the YAML says, see there; keeps its own rules: ImpairmentError names the field that breaks one."""

    version: str
    relative_increase: float
    absolute_increase: float
    significant_increase_days: int
    default_days: int
    months_to_write_off: int
    discounting: str
    scenarios: tuple[Scenario, ...]

    def __post_init__(self) -> None:
        if not self.version.strip():
            raise _MisfitError("version", 'is blank. Name these choices, such as version: "2026-01"')
        for key in (*_INCREASES, *_COUNTS):
            value, (low, high) = getattr(self, key), _LIMITS[key]
            if not (math.isfinite(value) and low <= value <= high):
                raise _MisfitError(key, f"is {value:g}, but must be at least {low:g} and at most {high:g}: mend it")
        if self.significant_increase_days >= self.default_days:
            raise _MisfitError(
                "significant_increase_days",
                f"is {self.significant_increase_days}, not below default_days with {self.default_days}: no loan could "
                "be in stage 2 by its days past due. Lower it",
            )
        if self.discounting not in DISCOUNTING:
            raise _MisfitError("discounting", f"is {self.discounting!r}. Write {' or '.join(DISCOUNTING)}")
        _refuse_scenarios(self.scenarios)


def _refuse_scenarios(scenarios: tuple[Scenario, ...]) -> None:
    if not scenarios:
        raise _MisfitError("scenarios", "is empty. Write one at least: base with weight: 1 and shift: 0")
    for one in scenarios:
        if not 0 <= one.weight <= 1:
            raise _MisfitError(
                f"scenarios.{one.name}.weight", f"is {one.weight:g}, but must be at least 0 and at most 1"
            )
        if not abs(one.shift) <= 5:
            raise _MisfitError(
                f"scenarios.{one.name}.shift", f"is {one.shift:g}, but must lie between -5 and 5 log-odds"
            )
    total = math.fsum(one.weight for one in scenarios)
    if abs(total - 1) > 1e-9:
        told = " + ".join(f"{one.weight:g}" for one in scenarios)
        raise _MisfitError("scenarios", f"have weights that sum to {total:.10g} ({told}). Mend them to sum to 1")


def load_choices(path: Path | None = None) -> Choices:
    """The choices in the YAML file at `path`, or the packaged ones.

    ImpairmentError names the file, the key, its line and the remedy.
    """
    file = PACKAGED if path is None else Path(path)
    lines: dict[str, int] = {}
    try:
        nodes = _entries(document(file, "file of choices under IFRS 9", _KEYS), _KEYS, "", lines)
        return Choices(
            version=_text("version", nodes["version"]),
            relative_increase=_number("relative_increase", nodes["relative_increase"]),
            absolute_increase=_number("absolute_increase", nodes["absolute_increase"]),
            significant_increase_days=_whole("significant_increase_days", nodes["significant_increase_days"]),
            default_days=_whole("default_days", nodes["default_days"]),
            months_to_write_off=_whole("months_to_write_off", nodes["months_to_write_off"]),
            discounting=_text("discounting", nodes["discounting"]),
            scenarios=_scenarios(nodes["scenarios"], lines),
        )
    except _MisfitError as error:
        where = f"{file}, line {lines[error.key]}" if error.key in lines else str(file)
        raise ImpairmentError(f"{where}: {error}.") from error
    except DocumentError as error:
        raise ImpairmentError(f"{file}: {error}.") from error


def _entries(root: yaml.Node, known: tuple[str, ...] | None, place: str, lines: dict[str, int]) -> dict[str, yaml.Node]:
    """Value of every key below `place`, each there once and, unless `known` is None, one of those; fills `lines`."""
    if not isinstance(root, yaml.MappingNode):
        told = f"is {kind(root)}, where keys are expected. The packaged {PACKAGED.name} shows the form"
        raise _MisfitError(place.rstrip("."), told)
    found: dict[str, yaml.Node] = {}
    for key_node, value in root.value:
        name = key_node.value if isinstance(key_node, yaml.ScalarNode) else kind(key_node)
        key, line = f"{place}{name}", key_node.start_mark.line + 1
        if name in found:
            raise _MisfitError(key, f"stands there again at line {line}. Keep one of the two")
        lines[key] = line
        if known is not None and name not in known:
            raise _MisfitError(key, f"is not a known key. Mend or remove it; the keys are {', '.join(known)}")
        found[name] = value
    for name in known or ():
        if name not in found:
            message = f"is missing. Add a line '{name}: ...'; the packaged {PACKAGED.name} explains it"
            lines.setdefault(f"{place}{name}", lines.get(place.rstrip("."), 1))
            raise _MisfitError(f"{place}{name}", message)
    return found


def _scenarios(node: yaml.Node, lines: dict[str, int]) -> tuple[Scenario, ...]:
    named: Mapping[str, yaml.Node] = _entries(node, None, "scenarios.", lines)
    found = []
    for name, part in named.items():
        place = f"scenarios.{name}."
        values = _entries(part, _OF_A_SCENARIO, place, lines)
        found.append(Scenario(name, *(_number(f"{place}{key}", values[key]) for key in _OF_A_SCENARIO)))
    return tuple(found)


def _text(key: str, node: yaml.Node) -> str:
    found = text(node)
    if found is None:
        raise _MisfitError(key, f"is {kind(node)}, not text. Write text, in quotes")
    return found


def _number(key: str, node: yaml.Node) -> float:
    found = decimal(node)
    if found is None:
        raise _MisfitError(key, f"is {shown(node)}, not a plain decimal. Write a number such as 0.5, without quotes")
    return found


def _whole(key: str, node: yaml.Node) -> int:
    value = _number(key, node)
    if not value.is_integer():
        raise _MisfitError(key, f"is {value:g}. Write a whole number")
    return int(value)
