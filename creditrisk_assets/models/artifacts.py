"""Models as rows of the lake, and back: what the assets of this stage store and read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from creditrisk_assets.contracts import FEATURE_SETS, MODELS_COMPARISON, MODELS_DIAGNOSTICS
from creditrisk_assets.models import metrics
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.logistic import Logistic, fit_logistic
from creditrisk_assets.models.outcomes import Window, out_of_time, training
from creditrisk_assets.models.posterior import Fit, Posterior, fit_posterior
from creditrisk_assets.models.reliability import reliability_png
from creditrisk_assets.resources.environments import add_months

TEST_MONTHS = 12
LEAST = {"ess_bulk_min": 400.0, "ess_tail_min": 400.0, "bfmi_min": 0.3}
MOST = {"r_hat_max": 1.01, "divergences": 0.0}


@dataclass(frozen=True)
class KeptPosterior:
    """Rows of models/posterior, models/parameters and models/diagnostics, the InferenceData, one line to log."""

    draws: pl.DataFrame
    parameters: pl.DataFrame
    diagnostics: pl.DataFrame
    netcdf: bytes
    told: str


def fit_as_known(features: pl.LazyFrame, model_date: date, feature_set: str, window: Window) -> KeptPosterior:
    """Fit on what was known at the model date; ValueError as `outcomes.training` and `fit_posterior`."""
    fit = fit_posterior(training(features, model_date, "as_known", window), feature_set)
    dated = pl.lit(model_date, pl.Date).alias("model_date")
    design = fit.posterior.design.to_json()
    diagnostics = pl.DataFrame([{**fit.diagnostics, "design": design}]).with_columns(dated)
    told = (
        f"{model_date} {feature_set}: {fit.diagnostics['loans']} loans, {fit.diagnostics['defaults']} defaults, "
        f"R-hat {fit.diagnostics['r_hat_max']:.4f}, k-hat {fit.diagnostics['k_hat']:.2f}, "
        f"{'passed' if fit.passed else 'FAILED'} in {fit.diagnostics['seconds']:.1f} s"
    )
    return KeptPosterior(
        fit.posterior.to_draws().with_columns(dated),
        fit.posterior.summary().with_columns(dated),
        MODELS_DIAGNOSTICS.conform(diagnostics.lazy()).collect(),
        _netcdf(fit),
        told,
    )


def _netcdf(fit: Fit) -> bytes:
    with TemporaryDirectory(prefix="creditrisk-") as folder:
        path = Path(folder) / "posterior.nc"
        fit.inference_data.to_netcdf(str(path), engine="h5netcdf")
        return path.read_bytes()


def netcdf_name(model_date: date, feature_set: str) -> str:
    """Name of the InferenceData among the lake's artifacts."""
    return f"models/posterior/{model_date}/{feature_set}.nc"


def fit_logistic_as_known(features: pl.LazyFrame, model_date: date, feature_set: str, window: Window) -> pl.DataFrame:
    """One row of models/logistic; ValueError as `outcomes.training`."""
    frame = training(features, model_date, "as_known", window)
    model = fit_logistic(frame, feature_set)
    return pl.DataFrame(
        {
            "model_date": [model_date],
            "feature_set": [feature_set],
            "model": [model.to_json()],
            "loans": [frame.height],
            "defaults": [int(frame["outcome"].sum())],
        }
    )


@dataclass(frozen=True)
class ModelTables:
    """The tables of this stage, holding at least the model dates asked for."""

    posterior: pl.LazyFrame
    parameters: pl.LazyFrame
    diagnostics: pl.LazyFrame
    logistic: pl.LazyFrame | None = None

    def rebuilt_posterior(self, model_date: date, feature_set: str) -> Posterior:
        """The posterior of a model date, from its draws; ValueError when it is not in the tables."""
        mine = (pl.col("model_date") == model_date) & (pl.col("feature_set") == feature_set)
        draws, parameters, diagnostics = pl.collect_all(
            [frame.filter(mine) for frame in (self.posterior, self.parameters, self.diagnostics)]
        )
        if draws.is_empty() or diagnostics.is_empty():
            raise ValueError(f"no posterior dated {model_date} for {feature_set}: materialise models/posterior first")
        information = dict(parameters.select("parameter", "information").iter_rows())
        return Posterior.from_draws(Design.from_json(diagnostics["design"][0]), draws, information)

    def rebuilt_logistic(self, model_date: date, feature_set: str) -> Logistic:
        """The benchmark of a model date; ValueError when it is not in the table."""
        mine = (pl.col("model_date") == model_date) & (pl.col("feature_set") == feature_set)
        rows = self.logistic.filter(mine).collect() if self.logistic is not None else pl.DataFrame()
        if rows.is_empty():
            raise ValueError(f"no logistic dated {model_date} for {feature_set}: materialise models/logistic first")
        return Logistic.from_json(rows["model"][0])


@dataclass
class Compared:
    """Rows of models/comparison, reliability plots by name, and what could not be compared."""

    figures: pl.DataFrame
    plots: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def compare_as_known(
    features: pl.LazyFrame, tables: ModelTables, model_dates: Sequence[date], last_vintage: date
) -> Compared:
    """Both models of each model date on the vintages of the following twelve months, as far as they have matured.

    A model date without any matured test vintage is remarked upon, not an error.
    """
    result = Compared(pl.DataFrame(schema=MODELS_COMPARISON.schema))
    rows: list[dict[str, Any]] = []
    for model_date in model_dates:
        last = min(add_months(model_date, TEST_MONTHS - 1), last_vintage)
        for feature_set in FEATURE_SETS:
            try:
                frame = out_of_time(features, model_date, model_date, last, "as_known")
            except ValueError as error:
                result.remarks.append(str(error))
                continue
            outcome = frame["outcome"].to_numpy()
            predicted = {
                "posterior": tables.rebuilt_posterior(model_date, feature_set).predict(frame)["pd"].to_numpy(),
                "logistic": tables.rebuilt_logistic(model_date, feature_set).predict(frame),
            }
            shared = {"model_date": model_date, "feature_set": feature_set, "outcomes": "as_known",
                      "first_vintage": model_date, "last_vintage": last}  # fmt: skip
            rows += [{**shared, "model": name, **metrics.summary(outcome, pd)} for name, pd in predicted.items()]
            title = f"{feature_set}, model date {model_date:%Y-%m}, out of time"
            result.plots[f"reliability_{model_date}_{feature_set}"] = reliability_png(outcome, predicted, title)
    if rows:
        result.figures = MODELS_COMPARISON.conform(pl.LazyFrame(rows)).collect()
    return result


def failed_gates(diagnostics: pl.DataFrame) -> list[str]:
    """A sentence for every model that did not pass, naming the gates it failed."""
    said = []
    for row in diagnostics.filter(~pl.col("passed")).iter_rows(named=True):
        gates = [f"{name} {row[name]:.4g} < {bound:g}" for name, bound in LEAST.items() if not row[name] >= bound]
        gates += [f"{name} {row[name]:.4g} > {bound:g}" for name, bound in MOST.items() if not row[name] <= bound]
        reason = ", ".join(gates) or f"certificate (k-hat {row['k_hat']:.2f})"
        said.append(f"{row['model_date']} {row['feature_set']}: {reason}")
    return said


def worst(diagnostics: pl.DataFrame) -> dict[str, Any]:
    """The worst value of every sampler diagnostic over some models."""
    return {
        "models": diagnostics.height,
        "passed": int(diagnostics["passed"].sum()),
        "r_hat_max": diagnostics["r_hat_max"].max(),
        "ess_bulk_min": diagnostics["ess_bulk_min"].min(),
        "ess_tail_min": diagnostics["ess_tail_min"].min(),
        "divergences": int(diagnostics["divergences"].sum()),
        "bfmi_min": diagnostics["bfmi_min"].min(),
        "k_hat_max": diagnostics["k_hat"].max(),
    }
