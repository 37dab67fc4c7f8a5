"""What the tables of the lake tell: their age, quarantine, drift, calibration, and the loss of the portfolio."""

from collections.abc import Iterator

import polars as pl
from prometheus_client.metrics_core import Metric as Family

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
    SERVING_QUARANTINE,
    TABLES,
    TOPICS,
)
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.serving.metrics import catalogue
from creditrisk_assets.serving.metrics.summaries import calibration, drift, portfolio, quarantine
from creditrisk_assets.serving.tables import Facts, ServedTables

VERDICTS = ("stable", "watch", "drifted")
LIGHTS = ("green", "amber", "red")


class LakeMetrics:
    """The metrics of a lake; frames and figures are kept for as long as the tables keep their version."""

    def __init__(self, tables: ServedTables) -> None:
        self._tables = tables

    def __call__(self) -> list[Family]:
        """The families, without those of tables that were never written.

        LakeError, DeltaError or OSError when the lake cannot be read, or holds no table at all.
        """
        return list(self._families())

    def _families(self) -> Iterator[Family]:
        written = {table.name: self._tables.facts(table) for table in TABLES.values() if self._tables.exists(table)}
        if not written:
            raise LakeError("the lake holds no table: mend CREDITRISK_LAKE, or run the batch job")
        yield from _ages(written)
        if self._all(written, SERVING_QUARANTINE):
            yield catalogue.QUARANTINE.family(self._tables.derived(quarantine, [SERVING_QUARANTINE], TOPICS))
        if self._all(written, MONITORING_DRIFT):
            yield from _drift(self._tables.derived(drift, [MONITORING_DRIFT]))
        if self._all(written, MONITORING_PERFORMANCE):
            yield from _calibration(self._tables.derived(calibration, [MONITORING_PERFORMANCE]))
        if self._all(written, PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS):
            yield from _portfolio(self._tables.derived(portfolio, [PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS]))

    @staticmethod
    def _all(written: dict[str, Facts], *tables: Table) -> bool:
        return all(table.name in written for table in tables)


def _ages(written: dict[str, Facts]) -> Iterator[Family]:
    yield catalogue.TABLE_TIME.family(((name,), facts.changed.timestamp()) for name, facts in written.items())
    yield catalogue.TABLE_ROWS.family(((name,), facts.rows) for name, facts in written.items())
    yield catalogue.TABLE_VERSION.family(((name,), facts.version) for name, facts in written.items())


def _drift(features: pl.DataFrame) -> Iterator[Family]:
    """`features` as `summaries.drift` makes them, largest PSI first."""
    verdicts = dict(features.group_by("verdict").len().iter_rows())
    largest = features.head(30).select("feature", "psi")
    yield catalogue.FEATURE_PSI.family(((feature,), psi) for feature, psi in largest.iter_rows())
    yield catalogue.DRIFTED.family(((verdict,), verdicts.get(verdict, 0)) for verdict in VERDICTS)


def _calibration(vintages: pl.DataFrame) -> Iterator[Family]:
    lights = dict(vintages.group_by("light").len().iter_rows())
    expected = float(vintages["expected"].sum())
    if expected > 0:
        yield catalogue.CALIBRATION_RATIO.of(float(vintages["observed"].sum()) / expected)
    yield catalogue.CALIBRATION_LIGHT.family(((light,), lights.get(light, 0)) for light in LIGHTS)
    yield catalogue.EARLY_ALARMS.of(int(vintages["alarm"].sum()))


def _portfolio(found: dict[str, float]) -> Iterator[Family]:
    """`found` as `summaries.portfolio` makes it; nothing of a lake without a reporting date."""
    if not found:
        return
    yield catalogue.REPORTING_DATE.of(found["reported"])
    yield catalogue.BALANCE.of(found["balance"])
    horizons = (("12_months", "expected_loss_12m"), ("lifetime", "expected_loss_lifetime"))
    yield catalogue.EXPECTED_LOSS.family(((horizon,), found[name]) for horizon, name in horizons)
    stages = (1, 2, 3)
    yield catalogue.ALLOWANCE.family(
        ((str(stage),), found[f"stage_{stage}"]) for stage in stages if f"stage_{stage}" in found
    )
