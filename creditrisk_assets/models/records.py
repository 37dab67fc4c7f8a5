"""References and evidence as rows of the lake, and back."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import MODELS_BINNING, MODELS_EVIDENCE, MODELS_REFERENCE
from creditrisk_assets.models.binning import Numeric
from creditrisk_assets.models.design import Coded, Design, fit_design
from creditrisk_assets.models.evidence import Evidence, Reference, Window, expand, total
from creditrisk_assets.models.exposure import exposed
from creditrisk_assets.models.outcomes import ORDER
from creditrisk_assets.models.reference import by_vintage, find_reference
from creditrisk_assets.models.scorer import shared_tables

Vector = NDArray[np.float64]


class StaleEvidenceError(ValueError):
    """Evidence that is absent, of another reference, or older than its loans; the message names the remedy."""


@dataclass(frozen=True)
class Expansion:
    """A design with the reference its evidence is expanded at, and where sampling starts."""

    model_date: date
    design: Design
    reference: Reference
    scales: Vector

    @property
    def version(self) -> str:
        """Twelve digits that change whenever bins, bands or point do."""
        digest = hashlib.sha256(self.design.to_json().encode())
        digest.update(self.reference.point.tobytes())
        digest.update(b"" if self.reference.covariance is None else self.reference.covariance.tobytes())
        return digest.hexdigest()[:12]

    def to_row(self, loans: Coded) -> dict[str, Any]:
        """One row of models/reference."""
        assert self.reference.covariance is not None
        return {
            "model_date": self.model_date,
            "feature_set": self.design.feature_set,
            "version": self.version,
            "design": self.design.to_json(),
            "point": self.reference.point.tolist(),
            "covariance": self.reference.covariance.ravel().tolist(),
            "scales": self.scales.tolist(),
            "loans": len(loans),
            "defaults": int(loans.outcome.sum()),
        }

    @staticmethod
    def from_row(row: dict[str, Any]) -> "Expansion":
        """What `to_row` wrote."""
        point = np.array(row["point"])
        covariance = np.array(row["covariance"]).reshape(point.size, point.size)
        design = Design.from_json(row["design"])
        return Expansion(row["model_date"], design, Reference(point, covariance), np.array(row["scales"]))


def expansions(rows: pl.DataFrame) -> Iterator[Expansion]:
    """The expansions kept in rows of models/reference."""
    return (Expansion.from_row(row) for row in rows.sort("model_date", "feature_set").iter_rows(named=True))


def fit_expansion(frame: pl.DataFrame, feature_set: str, model_date: date, last: date) -> tuple[Expansion, Coded]:
    """Bins and reference of a training population, see `exposure.learned_from`; ValueError as `find_reference`."""
    design = fit_design(frame, feature_set, last)
    loans = design.code(frame)
    reference, scales = find_reference(design, loans)
    return Expansion(model_date, design, reference, scales), loans


def reference_rows(expansion: Expansion, loans: Coded) -> pl.DataFrame:
    """One row of models/reference."""
    return MODELS_REFERENCE.conform(pl.LazyFrame([expansion.to_row(loans)], infer_schema_length=None)).collect()


def binning_rows(expansion: Expansion, loans: Coded) -> pl.DataFrame:
    """Rows of models/binning: every bin with its bounds, score and counts in the window."""
    trials = expansion.design.periods.trials[loans.months].sum(axis=1)
    bad = loans.outcome & (loans.months > 0)
    rows: list[dict[str, Any]] = []
    for code, factor in zip(loans.codes, expansion.design.binning.factors, strict=True):
        counts = [np.bincount(code, weights, factor.size) for weights in (None, trials, bad)]
        for number in range(factor.size):
            inner = isinstance(factor, Numeric) and number < len(factor.scores)
            edges = factor.edges if isinstance(factor, Numeric) else ()
            rows.append(
                {
                    "factor": factor.name,
                    "bin": number,
                    "label": factor.label(number),
                    "lower": edges[number - 1] if inner and number else None,
                    "upper": edges[number] if inner and number < len(edges) else None,
                    "score": factor.scores[number] if inner and isinstance(factor, Numeric) else None,
                    "loans": int(counts[0][number]),
                    "trials": int(counts[1][number]),
                    "defaults": int(counts[2][number]),
                }
            )
    frame = pl.LazyFrame(rows, infer_schema_length=None).with_columns(
        model_date=pl.lit(expansion.model_date, pl.Date), feature_set=pl.lit(expansion.design.feature_set)
    )
    return MODELS_BINNING.conform(frame).collect()


def evidence_rows(features: pl.DataFrame, vintages: list[date], expansion: Expansion) -> pl.DataFrame:
    """Rows of models/evidence: those of some vintages for one model, as far as its window holds them.

    `features`: rows of features/loans of these vintages; none at all is evidence of nothing.
    """
    design = expansion.design
    wanted = [(vintage, design.vintages.index(vintage)) for vintage in vintages if vintage in design.vintages]
    if not wanted:
        return pl.DataFrame(schema=MODELS_EVIDENCE.schema)
    inside = features.lazy().filter(pl.col("vintage").is_in([vintage for vintage, _ in wanted]))
    # Known at the model date, not at the date of the file: a vintage means less to an earlier model.
    loans = by_vintage(design, design.code(exposed(inside, expansion.model_date).sort(ORDER).collect()))
    covariance = expansion.reference.covariance
    tables = None if covariance is None else shared_tables(design, covariance)
    rows = [
        _row(vintage, expansion, loans[place], expand(design, loans[place], expansion.reference, tables=tables))
        for vintage, place in wanted
    ]
    return MODELS_EVIDENCE.conform(pl.LazyFrame(rows, schema=MODELS_EVIDENCE.schema)).collect()


def _content(loans: Coded) -> str:
    """Twelve digits that change when a bin, a month or an outcome does of any loan that was tried."""
    tried = loans.rows(np.flatnonzero(loans.months))
    digest = hashlib.blake2b(digest_size=6)
    for part in (tried.codes, tried.months, tried.outcome):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _row(vintage: date, expansion: Expansion, loans: Coded, evidence: Evidence) -> dict[str, Any]:
    return {
        "vintage": vintage,
        "model_date": expansion.model_date,
        "feature_set": expansion.design.feature_set,
        "reference": expansion.version,
        "content": _content(loans),
        "own": evidence.own,
        "log_likelihood": evidence.log_likelihood,
        "gradient": evidence.gradient.tolist(),
        "information": evidence.information[np.tril_indices(expansion.design.shared)].tolist(),
        "loans": evidence.loans,
        "trials": int(evidence.trials),
        "defaults": evidence.defaults,
    }


def _evidence(row: dict[str, Any], point: Vector) -> Evidence:
    information = np.zeros((point.size, point.size))
    information[np.tril_indices(point.size)] = row["information"]
    information += np.tril(information, -1).T
    return Evidence(
        point, row["own"], row["log_likelihood"], np.array(row["gradient"]), information, row["loans"],
        float(row["trials"]), row["defaults"],
    )  # fmt: skip


def window_of(expansion: Expansion, rows: pl.DataFrame, loans: Coded) -> tuple[Window, list[Evidence]]:
    """The sum of a model's evidence over its window, from rows of models/evidence of its feature set and date.

    `loans`: the window's loans as they are now. StaleEvidenceError when a vintage with loans has no
    evidence, or evidence of another reference or of other loans.
    """
    design, point = expansion.design, expansion.reference.point
    if len(loans) and not 0 <= loans.vintage.min() <= loans.vintage.max() < len(design.vintages):
        raise _stale(expansion, "of the window", "there are loans of vintages that its reference did not know")
    mine = rows.filter(pl.col("model_date") == expansion.model_date, pl.col("feature_set") == design.feature_set)
    by_month = {row["vintage"]: row for row in mine.iter_rows(named=True)}
    found = []
    for vintage, now in zip(design.vintages, by_vintage(design, loans), strict=True):
        row, tried = by_month.get(vintage), now.months > 0
        if row is None and tried.any():
            raise _stale(expansion, f"of vintage {vintage:%Y-%m}", f"there is none of its {tried.sum()} loans")
        if row and row["reference"] != expansion.version:
            raise _stale(expansion, f"of vintage {vintage:%Y-%m}", "it was expanded at another reference")
        if row and row["content"] != _content(now):
            then = f"{row['loans']} loans with {row['defaults']} defaults"
            told = f"{then} have become {tried.sum()} with {(now.outcome & tried).sum()}, or other features"
            raise _stale(expansion, f"of vintage {vintage:%Y-%m}", told)
        nothing = Evidence(point, 0.0, 0.0, np.zeros(point.size), np.zeros((point.size,) * 2), 0, 0.0, 0)
        found.append(_evidence(row, point) if row else nothing)
    return total(design, found), found


def _stale(expansion: Expansion, which: str, why: str) -> StaleEvidenceError:
    first, last = expansion.design.vintages[0], expansion.design.vintages[-1]
    return StaleEvidenceError(
        f"models/evidence {which} does not fit model date {expansion.model_date:%Y-%m} "
        f"({expansion.design.feature_set}): {why}. Materialise models/reference of this model date and then "
        f"models/evidence of vintages {first:%Y-%m} to {last:%Y-%m}"
    )
