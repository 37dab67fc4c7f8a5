"""Blocking checks of the models stage: a posterior that was not sampled well is kept but never used."""

import dagster as dg

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_POSTERIOR
from creditrisk_assets.models.artifacts import failed_gates
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


CHECKS = [sampled_well]
