"""Train at a date, test on later vintages: the figures of `creditrisk evaluate`, from the lake."""

from datetime import date
from typing import Any

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS
from creditrisk_assets.models.comparison import compare
from creditrisk_assets.models.outcomes import Protocol, Window
from creditrisk_assets.models.reliability import deciles_png
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings

FIGURES = ("auc", "ks", "brier", "log_loss", "mean_pd", "observed")


def parse_window(text: str) -> Window:
    """A number of months, or `expanding`; ValueError otherwise."""
    if text == "expanding":
        return "expanding"
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1200:
        return int(text)
    raise ValueError(f"training window {text!r}: write a number of months from 1 to 1200, or expanding")


def evaluate_lake(
    model_date: date, first: date, last: date, feature_set: str, outcomes: Protocol, window: str | None = None
) -> dict[str, Any]:
    """All models trained on features/loans as of `model_date` and tested on vintages `first` to `last`.

    `rows`, `bads`, `outcomes`, `models.<name>.{auc, ks, brier, log_loss, mean_pd, observed}`, `calibration` by
    decile, with the question repeated and the posterior's diagnostics. ValueError names an empty population; LakeError
    a table that was never materialized.
    """
    values = settings()
    chosen = values.training_window if window is None else parse_window(window)
    features = Lake(values.lake).scan(FEATURES_LOANS)
    asked = {
        "model_date": f"{model_date:%Y-%m}",
        "from": f"{first:%Y-%m}",
        "to": f"{last:%Y-%m}",
        "features": feature_set,
        "window": chosen,
    }
    return {**asked, **compare(features, model_date, first, last, feature_set, outcomes, chosen)}


def calibration_png(result: dict[str, Any]) -> bytes:
    """Reliability by decile of every model of a result, as PNG."""
    title = f"{result['features']}, vintages {result['from']} to {result['to']}, outcomes {result['outcomes']}"
    return deciles_png({name: pl.DataFrame(rows) for name, rows in result["calibration"].items()}, title)


def table(result: dict[str, Any]) -> str:
    """The figures as a table for people."""
    lines = [
        f"model date {result['model_date']}, tested on {result['from']} to {result['to']}, "
        f"outcomes {result['outcomes']}, "
        f"features {result['features']}, window {result['window']}: {result['rows']:,} loans, {result['bads']:,} bad",
        f"{'':<12}" + "".join(f"{name:>10}" for name in FIGURES),
    ]
    for name, figures in result["models"].items():
        lines.append(f"{name:<12}" + "".join(f"{figures[figure]:>10.4f}" for figure in FIGURES))
    return "\n".join(lines)
