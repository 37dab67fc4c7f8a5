"""A lake with one small posterior in it, and the API over it, asked in this very process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from starlette.testclient import TestClient

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets.models.posterior import Fit
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.api.app import Service, create_app
from creditrisk_assets.serving.api.keys import Keys
from creditrisk_assets_tests.models.learned import MODEL_DATE, fit
from creditrisk_assets_tests.raw.written import LOAN

APPLIED = "2026-11-21T09:03:02.123456Z"
NEVER = 3_600.0
"""Seconds: a test looks for a new model when it wants to."""
LATER = ("id", "issue_d", "loan_status", "pymnt_plan", "total_pymnt", "last_pymnt_d", "last_pymnt_amnt",
         "last_credit_pull_d")  # fmt: skip


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def learned_lake(folder: Path) -> Lake:
    """A lake with the posterior of `learned`, which is good."""
    return lake_of(folder, fit())


def lake_of(folder: Path, learned: Fit) -> Lake:
    """A lake with one posterior, which is good, at MODEL_DATE."""
    lake, posterior = Lake(str(folder)), learned.posterior
    dated = {"model_date": pl.lit(MODEL_DATE), "feature_set": pl.lit(posterior.design.feature_set)}
    moments = {"mean": [posterior.mean.tolist()], "covariance": [posterior.covariance.ravel().tolist()]}
    facts = {**learned.diagnostics, "passed": True, "reference": "tests", "design": posterior.design.to_json()}
    for table, rows in (
        (MODELS_POSTERIOR, posterior.to_draws()),
        (MODELS_MOMENTS, pl.DataFrame(moments)),
        (MODELS_DIAGNOSTICS, pl.DataFrame([facts])),
    ):
        lake.overwrite(table, table.conform(rows.lazy().with_columns(**dated)), [MODEL_DATE])
    return lake


def again(lake: Lake, day: date, **changes: pl.Expr) -> None:
    """The same posterior at another model date; `changes` are those of its diagnostics."""
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        rows = lake.scan(table, [MODEL_DATE]).collect().with_columns(model_date=pl.lit(day))
        lake.overwrite(table, rows.with_columns(**changes) if table is MODELS_DIAGNOSTICS else rows, [day])


@contextmanager
def asking(lake: Lake, keys: Keys = Keys(), **values: object) -> Iterator[TestClient]:  # noqa: B008 - immutable
    """The API over a lake, up until the end of the block."""
    with TestClient(create_app(lake, settings(**values), keys, NEVER), raise_server_exceptions=False) as client:
        yield client


def service(client: TestClient) -> Service:
    found: Service = client.app.state.service  # type: ignore[attr-defined]
    return found


def told(**changes: Any) -> dict[str, Any]:
    """What a borrower tells; a field that is changed to `...` is left out."""
    whole = {name: value for name, value in LOAN.items() if name not in LATER} | changes
    return {name: value for name, value in whole.items() if value is not ...}


def sent(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A good application, different for every number."""
    payload = told(
        **{"loan_amnt": str(10_000 + 25 * number), "dti": 27.65 - 2 * number, "fico_range_low": 670 + 5 * number}
        | changes
    )
    return {"application_id": f"a-{number}", "event_time": APPLIED, "payload": payload}
