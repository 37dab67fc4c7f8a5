"""The asset of the register of promotions: only the job `promote` adds to it.

It depends on no other: what people decide does not get stale when a model is trained.
"""

from datetime import date
from typing import Literal

import dagster as dg
from pydantic import Field

from creditrisk_assets.contracts import MODELS_PROMOTIONS
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager, commit_metadata
from creditrisk_assets.shell import catalogue


class PromotionConfig(dg.Config):
    """Which posterior shall decide, and why; there are no defaults."""

    feature_set: Literal["application", "application_with_price"] = Field(description="Features of the posterior.")
    model_date: str = Field(description="Its as-of date, as 2016-04-01.")
    reason: str = Field(description="Why it shall decide, in 10 to 2,000 characters; kept for good.")
    promoted_by: str = Field(description="Who answers for it.")


@dg.asset(**catalogue(MODELS_PROMOTIONS, kinds={"polars", "deltalake"}))
def promotions(
    context: dg.AssetExecutionContext, config: PromotionConfig, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.MaterializeResult[None]:
    """Make a posterior the champion and record who did so and why; one that is retried counts once."""
    from creditrisk_assets.models.registry.promoting import PromotionError, Proposal, promote

    try:
        model = Model(config.feature_set, date.fromisoformat(config.model_date))
        proposal = Proposal(model, config.reason, config.promoted_by)
    except PromotionError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except ValueError as error:
        raise dg.Failure(f"model_date is {config.model_date!r}: write it as 2016-04-01", allow_retries=False) from error
    # A run of the UI that is tried again is another run: what it was tried for is the same.
    run_id = context.run.root_run_id or context.run.run_id
    try:
        made = promote(lake.lake, settings(), proposal, run_id, commit_metadata(MODELS_PROMOTIONS, run_id, None))
    except PromotionError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    if made is None:
        context.log.info("this run has recorded its promotion before: nothing to do")
        return dg.MaterializeResult(metadata={"champion": str(model), "new_rows": 0})
    context.log.info(f"{made.model} decides from now on; the stream follows with its next run")
    told: dict[str, dg.RawMetadataValue] = {"previous": str(made.previous), "reason": made.reason}
    return dg.MaterializeResult(
        metadata={**told, "champion": str(made.model), "promoted_by": made.promoted_by, "new_rows": 1}
    )
