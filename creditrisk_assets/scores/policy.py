"""The lender's policy: what a loan earns, what a default costs, and how sure a decision must be.

Read from versioned YAML, strictly: a key that is misspelt, doubled or out of range is refused with
its line, because a limit that silently fell back to its default would lend money nobody meant to.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from creditrisk_assets.yaml_nodes import DocumentError, decimal, document, kind, shown, text

PACKAGED = Path(__file__).with_name("policy.yaml")
"""The policy of a platform that has not been given another."""

CONFIDENCE = 0.8
"""How sure the posterior must be when the policy does not say."""

_REQUIRED = ("version", "loss_given_default", "margin")
_KEYS = (*_REQUIRED, "approve_below", "decline_from", "confidence")


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the file, the key, its line and the remedy."""


class _MisfitError(PolicyError):
    """One value at odds with the policy's rules; `key` tells where to look for its line."""

    def __init__(self, key: str, said: str) -> None:
        super().__init__(f"{key} {said}")
        self.key = key


@dataclass(frozen=True)
class Policy:
    """A policy that keeps its own rules: PolicyError names the field that breaks one.

    `loss_given_default` (0..1] and `margin` (0..1] are shares of the amount lent, over twelve months;
    `approve_below` and `decline_from` are PDs within twelve months, 0..1, in this order;
    `confidence` (0.5..1) is the posterior probability a decision needs.
    """

    version: str
    loss_given_default: float
    margin: float
    approve_below: float
    decline_from: float
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        _refuse_no_version(self.version)
        for key in ("loss_given_default", "margin"):
            _refuse_outside(key, getattr(self, key), 0, 1, open_below=True)
        for key in ("approve_below", "decline_from"):
            _refuse_outside(key, getattr(self, key), 0, 1)
        _refuse_outside("confidence", self.confidence, 0.5, 1)
        if self.approve_below > self.decline_from:
            raise _MisfitError(
                "approve_below",
                f"is {self.approve_below:.6g}, above decline_from with {self.decline_from:.6g}: both could be sure of "
                f"one loan. Lower approve_below or raise decline_from; one that is not set stands at the "
                f"break-even PD of {break_even(self.margin, self.loss_given_default):.6g}",
            )


def break_even(margin: float, loss_given_default: float) -> float:
    """The PD at which a loan neither earns nor costs: margin / (margin + loss given default).

    Source: Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, equation 2.
    """
    return margin / (margin + loss_given_default)


def load_policy(path: Path | None = None) -> Policy:
    """The policy in the YAML file at `path`, or the packaged one; `approve_below` and `decline_from` may be left out.

    PolicyError names the file, the key, its line and the remedy.
    """
    file = PACKAGED if path is None else Path(path)
    lines: dict[str, int] = {}
    try:
        nodes = _entries(document(file, "policy", _REQUIRED), lines)
        values: dict[str, float] = {key: _number(key, node) for key, node in nodes.items() if key != "version"}
        even = _even(values)
        return Policy(
            version=_version(nodes["version"]),
            loss_given_default=values["loss_given_default"],
            margin=values["margin"],
            approve_below=values.get("approve_below", even),
            decline_from=values.get("decline_from", even),
            confidence=values.get("confidence", CONFIDENCE),
        )
    except _MisfitError as error:
        where = f"{file}, line {lines[error.key]}" if error.key in lines else str(file)
        raise PolicyError(f"{where}: {error}.") from error
    except (PolicyError, DocumentError) as error:
        raise PolicyError(f"{file}: {error}.") from error


def _even(values: Mapping[str, float]) -> float:
    """Break-even PD, once the two shares it divides are known to allow it."""
    for key in ("loss_given_default", "margin"):
        _refuse_outside(key, values[key], 0, 1, open_below=True)
    return break_even(values["margin"], values["loss_given_default"])


def _entries(root: yaml.MappingNode, lines: dict[str, int]) -> dict[str, yaml.Node]:
    """Value of every key, each known and there once; fills `lines` with the line of each."""
    found: dict[str, yaml.Node] = {}
    for key_node, value in root.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else kind(key_node)
        line = key_node.start_mark.line + 1
        if key in found:
            raise _MisfitError(key, f"stands there again at line {line}. Keep one of the two")
        lines[key] = line
        if key not in _KEYS:
            raise _MisfitError(key, f"is not a key of a policy. Mend or remove it; the keys are {', '.join(_KEYS)}")
        found[key] = value
    for key in _REQUIRED:
        if key not in found:
            raise _MisfitError(key, f"is missing. Add a line '{key}: ...'; the packaged {PACKAGED.name} explains it")
    return found


def _version(node: yaml.Node) -> str:
    version = text(node)
    if version is None:
        raise _MisfitError("version", f'is {kind(node)}, not text. Put it in quotes: version: "2026-01"')
    return version


def _number(key: str, node: yaml.Node) -> float:
    number = decimal(node)
    if number is not None:
        return number
    optional = "" if key in _REQUIRED else ", or remove the line for the default"
    raise _MisfitError(
        key, f"is {shown(node)}, not a plain decimal. Write a fraction such as 0.06, without quotes{optional}"
    )


def _refuse_no_version(version: str) -> None:
    if not version.strip():
        raise _MisfitError("version", 'is blank. Name the policy, such as version: "2026-01"')


def _refuse_outside(key: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    if math.isfinite(value) and low <= value <= high and not (open_below and value == low):
        return
    lower = f"above {low:g}" if open_below else f"at least {low:g}"
    raise _MisfitError(key, f"is {value:g}, but must be {lower} and at most {high:g}. Write six per cent as 0.06")
