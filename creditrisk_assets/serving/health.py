"""Can the model be believed: out of time against others, calibrated by band, sampled well, right about its vintages."""

import numpy as np
import polars as pl

from creditrisk_assets.models.artifacts import LEAST, MOST
from creditrisk_assets.serving.portfolio import BANDS

MEASURES = {"auc": "AUC", "ks": "KS", "brier": "Brier", "log_loss": "Log loss"}
"""Measures of models/comparison by name; of the first two more is better, of the others less."""
MODELS = ("posterior", "logistic", "boosting")


def comparison(frame: pl.DataFrame, feature_set: str, outcomes: str = "as_known") -> pl.DataFrame:
    """Rows of models/comparison of one feature set and protocol, by model date and model, with `bias`.

    `bias` is the mean PD over the observed default rate: above one where risk is overstated.
    """
    wanted = (pl.col("feature_set") == feature_set) & (pl.col("outcomes") == outcomes)
    bias = pl.when(pl.col("observed") > 0).then(pl.col("mean_pd") / pl.col("observed"))
    return frame.filter(wanted).with_columns(bias=bias).sort("model_date", "model")


def newest(found: pl.DataFrame) -> pl.DataFrame:
    """The rows of the newest model date of `comparison`, best AUC first."""
    return found.filter(pl.col("model_date") == pl.col("model_date").max()).sort("auc", descending=True)


def calibration(segments: pl.DataFrame) -> pl.DataFrame:
    """Matured loans of rows of serving/segments by band: expected and observed default rate within twelve months.

    band, pd_range, risk_class, loans, defaults, expected, observed, low, high (90 % Jeffreys interval of the rate,
    `scipy` beta quantiles of defaults + 1/2 and the others + 1/2), inside. Bands without a matured loan are left out.
    """
    from scipy.special import betaincinv

    sums = segments.group_by("band").agg(
        loans=pl.col("matured").sum(),
        defaults=pl.col("matured_defaults").sum(),
        expected=pl.col("matured_expected_defaults").sum(),
    )
    found = BANDS.join(sums.filter(pl.col("loans") > 0), on="band").sort("band")
    bad, loans = found["defaults"].to_numpy(), found["loans"].to_numpy()
    low, high = (betaincinv(bad + 0.5, loans - bad + 0.5, end) for end in (0.05, 0.95))
    return found.with_columns(
        expected=pl.col("expected") / pl.col("loans"),
        observed=pl.col("defaults") / pl.col("loans"),
        low=pl.Series(np.where(bad == 0, 0.0, low), dtype=pl.Float64),
        high=pl.Series(np.where(bad == loans, 1.0, high), dtype=pl.Float64),
    ).with_columns(inside=pl.col("expected").is_between(pl.col("low"), pl.col("high")))


def diagnostics(frame: pl.DataFrame, feature_set: str) -> pl.DataFrame:
    """Rows of models/diagnostics of one feature set, newest first, without their design; `gate` tells what failed."""
    failed = [pl.when(pl.col(name) < bound).then(pl.lit(name)) for name, bound in LEAST.items()]
    failed += [pl.when(pl.col(name) > bound).then(pl.lit(name)) for name, bound in MOST.items()]
    gate = pl.concat_str(failed, separator=", ", ignore_nulls=True)
    told = pl.when(pl.col("passed")).then(pl.lit("passed")).when(gate != "").then(gate).otherwise(pl.lit("certificate"))
    return (
        frame.filter(pl.col("feature_set") == feature_set)
        .with_columns(gate=told)
        .drop("design", "reference", "feature_set")
        .sort("model_date", descending=True)
    )


def foretold(frame: pl.DataFrame, feature_set: str) -> pl.DataFrame:
    """How the newest model of models/backtest foretells each of its vintages from all the others.

    model_date, vintage, loans, defaults, expected, low, high (90 %) and inside, as the check of the backtest counts
    it. Vintages without a loan at risk say nothing and are left out.
    """
    mine = frame.filter((pl.col("feature_set") == feature_set) & (pl.col("trials") > 0))
    mine = mine.filter(pl.col("model_date") == pl.col("model_date").max())
    ends = [pl.col(f"{name}_left_out").alias(name) for name in ("expected", "low", "high")]
    inside = pl.col("defaults").is_between(pl.col("low").floor(), pl.col("high").ceil())
    chosen = mine.select("model_date", "vintage", "loans", "defaults", *ends)
    return chosen.with_columns(inside=inside).sort("vintage")


def feature_sets(frame: pl.DataFrame) -> list[str]:
    """The feature sets of models/diagnostics."""
    return [str(name) for name in frame["feature_set"].unique().sort()]
