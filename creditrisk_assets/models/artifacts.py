"""Models as rows of the lake, and back: what the assets of this stage store and read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    MODELS_BACKTEST,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
)
from creditrisk_assets.models import metrics
from creditrisk_assets.models.backtest import backtest, prior_predictive
from creditrisk_assets.models.boosting import Boosting, fit_boosting
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.logistic import Logistic, fit_logistic
from creditrisk_assets.models.outcomes import Window, out_of_time, training
from creditrisk_assets.models.posterior import Fit, Posterior, fit_window
from creditrisk_assets.models.records import Expansion, window_of
from creditrisk_assets.models.reliability import reliability_png
from creditrisk_assets.resources.environments import add_months

TEST_MONTHS = 12
LEAST = {"ess_bulk_min": 400.0, "ess_tail_min": 400.0, "bfmi_min": 0.3}
MOST = {"r_hat_max": 1.01, "divergences": 0.0}


@dataclass(frozen=True)
class KeptPosterior:
    """Rows of the posterior's tables, the InferenceData, one line to log, and how plausible the priors were."""

    draws: pl.DataFrame
    parameters: pl.DataFrame
    moments: pl.DataFrame
    diagnostics: pl.DataFrame
    backtest: pl.DataFrame
    prior_predictive: dict[str, float]
    netcdf: bytes
    told: str


def fit_as_known(features: pl.LazyFrame, evidence: pl.DataFrame, expansion: Expansion, window: Window) -> KeptPosterior:
    """Sum the evidence of the window, draw, certify; ValueError as `exposure.learned_from` and `records.window_of`."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    frame = learned_from(features, expansion.model_date, window)
    loans = expansion.design.code(frame)
    summed, by_vintage = window_of(expansion, evidence, loans)
    fit = fit_window(summed, loans, expansion.scales)
    posterior = fit.posterior
    # Matrices of some hundred rows, hundreds of them: threads of the linear algebra would only wait for each other.
    with threadpool_limits(limits=1):
        table = backtest(summed, by_vintage, posterior.scales.mean(axis=0), float(posterior.persistence.mean()))
    dated = {
        "model_date": pl.lit(expansion.model_date, pl.Date),
        "feature_set": pl.lit(expansion.design.feature_set),
    }
    diagnostics = {**fit.diagnostics, "reference": expansion.version, "design": expansion.design.to_json()}
    told = (
        f"{expansion.model_date} {expansion.design.feature_set}: {fit.diagnostics['loans']} loans, "
        f"{fit.diagnostics['defaults']} defaults, R-hat {fit.diagnostics['r_hat_max']:.4f}, "
        f"k-hat {fit.diagnostics['k_hat']:.2f}, {'passed' if fit.passed else 'FAILED'} in "
        f"{fit.diagnostics['seconds']:.1f} s"
    )
    return KeptPosterior(
        posterior.to_draws().with_columns(**dated),
        posterior.summary().with_columns(**dated),
        MODELS_MOMENTS.conform(_moments(posterior).with_columns(**dated)).collect(),
        MODELS_DIAGNOSTICS.conform(pl.LazyFrame([diagnostics]).with_columns(**dated)).collect(),
        MODELS_BACKTEST.conform(table.lazy().with_columns(**dated)).collect(),
        dict(zip(("low", "median", "high"), prior_predictive(expansion.design), strict=True)),
        _netcdf(fit),
        told,
    )


def _moments(posterior: Posterior) -> pl.LazyFrame:
    row = {"mean": posterior.mean.tolist(), "covariance": posterior.covariance.ravel().tolist()}
    return pl.LazyFrame([row], schema={"mean": pl.List(pl.Float64), "covariance": pl.List(pl.Float64)})


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
    return _challenger(frame, model_date, feature_set, fit_logistic(frame, feature_set).to_json())


def fit_boosting_as_known(features: pl.LazyFrame, model_date: date, feature_set: str, window: Window) -> pl.DataFrame:
    """One row of models/boosting; ValueError as `outcomes.training`."""
    frame = training(features, model_date, "as_known", window)
    return _challenger(frame, model_date, feature_set, fit_boosting(frame, feature_set).to_text())


def _challenger(frame: pl.DataFrame, model_date: date, feature_set: str, model: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_date": [model_date],
            "feature_set": [feature_set],
            "model": [model],
            "loans": [frame.height],
            "defaults": [int(frame["outcome"].sum())],
        }
    )


@dataclass(frozen=True)
class ModelTables:
    """The tables of this stage, holding at least the model dates asked for."""

    posterior: pl.LazyFrame
    moments: pl.LazyFrame
    diagnostics: pl.LazyFrame
    logistic: pl.LazyFrame | None = None
    boosting: pl.LazyFrame | None = None

    def rebuilt_posterior(self, model_date: date, feature_set: str) -> Posterior:
        """The posterior of a model date, from its draws; ValueError when it is not in the tables."""
        mine = (pl.col("model_date") == model_date) & (pl.col("feature_set") == feature_set)
        draws, moments, diagnostics = pl.collect_all(
            [frame.filter(mine) for frame in (self.posterior, self.moments, self.diagnostics)]
        )
        if draws.is_empty() or moments.is_empty() or diagnostics.is_empty():
            raise ValueError(f"no posterior dated {model_date} for {feature_set}: materialise models/posterior first")
        mean = moments["mean"][0].to_numpy()
        covariance = moments["covariance"][0].to_numpy().reshape(mean.size, mean.size)
        return Posterior.from_draws(Design.from_json(diagnostics["design"][0]), draws, mean, covariance)

    def rebuilt_logistic(self, model_date: date, feature_set: str) -> Logistic:
        """The benchmark of a model date; ValueError when it is not in the table."""
        return Logistic.from_json(_text_of(self.logistic, "logistic", model_date, feature_set))

    def rebuilt_boosting(self, model_date: date, feature_set: str) -> Boosting:
        """The challenger of a model date; ValueError when it is not in the table."""
        return Boosting.from_text(_text_of(self.boosting, "boosting", model_date, feature_set))


def _text_of(table: pl.LazyFrame | None, name: str, model_date: date, feature_set: str) -> str:
    mine = (pl.col("model_date") == model_date) & (pl.col("feature_set") == feature_set)
    rows = table.filter(mine).collect() if table is not None else pl.DataFrame()
    if rows.is_empty():
        raise ValueError(f"no {name} dated {model_date} for {feature_set}: materialise models/{name} first")
    return str(rows["model"][0])


@dataclass
class Compared:
    """Rows of models/comparison, reliability plots by name, and what could not be compared."""

    figures: pl.DataFrame
    plots: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def compare_as_known(
    features: pl.LazyFrame, tables: ModelTables, model_dates: Sequence[date], last_vintage: date
) -> Compared:
    """All models of each model date on the vintages of the following twelve months, as far as they have matured.

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
                "boosting": tables.rebuilt_boosting(model_date, feature_set).predict(frame),
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


def predictive(backtest: pl.DataFrame) -> dict[str, Any]:
    """How often 90 % intervals held the defaults of a vintage, and log predictive densities in sum.

    `backtest`: rows of models/backtest. Vintages without a loan at risk say nothing and are left out.
    """
    tried = backtest.filter(pl.col("trials") > 0)
    result: dict[str, Any] = {"vintages": tried.height}
    for suffix in ("", "_left_out", "_future"):
        held = pl.col("defaults").is_between(pl.col(f"low{suffix}").floor(), pl.col(f"high{suffix}").ceil())
        result[f"held{suffix or '_posterior'}"] = tried.select(held.mean()).item()
    for name in ("elpd_left_out", "elpd_future"):
        result[name] = tried[name].sum()
    return result


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
