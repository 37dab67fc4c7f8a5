"""Blocking checks of the models stage: a posterior that was not sampled well is kept but never used."""

import dagster as dg

from creditrisk_assets.contracts import MODELS_BACKTEST, MODELS_BEHAVIOUR, MODELS_DIAGNOSTICS, MODELS_POSTERIOR
from creditrisk_assets.models.artifacts import failed_gates, predictive
from creditrisk_assets.partitions import model_dates
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days


@dg.asset_check(
    asset=dg.AssetKey(list(MODELS_POSTERIOR.key)),
    blocking=True,
    partitions_def=model_dates,
    additional_deps=[dg.AssetKey(list(MODELS_DIAGNOSTICS.key))],
    description="R-hat <= 1.01, bulk and tail ESS >= 400, no divergence, BFMI >= 0.3, exact-likelihood certificate.",
)
def sampled_well(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.AssetCheckResult:
    """Did every gate pass for every feature set?"""
    diagnostics = lake.lake.scan(MODELS_DIAGNOSTICS, check_days(context)).collect()
    failed = failed_gates(diagnostics)
    return dg.AssetCheckResult(
        passed=not failed,
        metadata={"failed": "; ".join(failed) or "none", "models": diagnostics.height},
    )


@dg.asset_check(
    asset=dg.AssetKey(list(MODELS_BEHAVIOUR.key)),
    name=sampled_well.check_key.name,
    blocking=True,
    description="R-hat <= 1.01, bulk and tail ESS >= 400, no divergence, BFMI >= 0.3.",
)
def behaviour_sampled_well(lake: dg.ResourceParam[DeltaLakeIOManager]) -> dg.AssetCheckResult:
    """Did every gate pass? A model that failed one is kept, and the application's PD stands."""
    models = lake.lake.scan(MODELS_BEHAVIOUR).drop("model").collect()
    return dg.AssetCheckResult(passed=bool(models["passed"].all()), metadata={"models": models.height})


SMALLEST_SHARE = 0.75
"""Of vintages inside their 90 % interval: two standard errors below .9 for two dozen of them."""


@dg.asset_check(
    asset=dg.AssetKey(list(MODELS_BACKTEST.key)),
    blocking=False,
    partitions_def=model_dates,
    description="Do 90 % intervals by all other vintages hold the observed defaults of three vintages in four?",
)
def predicts_its_vintages(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.AssetCheckResult:
    """Leave-vintage-out predictive check; a warning, for a book may have changed faster than any model could know."""
    figures = predictive(lake.lake.scan(MODELS_BACKTEST, check_days(context)).collect())
    return dg.AssetCheckResult(
        passed=figures["vintages"] == 0 or figures["held_left_out"] >= SMALLEST_SHARE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=figures,
    )


CHECKS = [sampled_well, behaviour_sampled_well, predicts_its_vintages]
