"""The platform, composed: stages, checks, automation and the resources of an environment."""

from collections.abc import Mapping

import dagster as dg

from creditrisk_assets import automation, checks
from creditrisk_assets.archive import assets as archive
from creditrisk_assets.archive import automation as archive_automation
from creditrisk_assets.archive import checks as archive_checks
from creditrisk_assets.features import assets as features
from creditrisk_assets.models import assets as models
from creditrisk_assets.models import checks as model_checks
from creditrisk_assets.models.registry import assets as registry
from creditrisk_assets.models.registry import automation as registry_automation
from creditrisk_assets.models.rules import assets as rules
from creditrisk_assets.monitoring import assets as monitoring
from creditrisk_assets.monitoring import automation as monitoring_automation
from creditrisk_assets.monitoring import checks as monitoring_checks
from creditrisk_assets.monitoring import sensors as monitoring_sensors
from creditrisk_assets.portfolio import assets as portfolio
from creditrisk_assets.portfolio import checks as portfolio_checks
from creditrisk_assets.raw import assets as raw
from creditrisk_assets.raw import sensors
from creditrisk_assets.resources.environments import resources_for, settings
from creditrisk_assets.resources.executor import executor_for
from creditrisk_assets.resources.starting import refuse_unsafe_stores
from creditrisk_assets.scores import assets as scores
from creditrisk_assets.serving import assets as serving
from creditrisk_assets.serving import sensors as serving_sensors
from creditrisk_assets.streaming import assets as streaming
from creditrisk_assets.streaming import automation as streaming_automation
from creditrisk_assets.streaming import sensors as streaming_sensors

STAGES = (raw, features, models, rules, registry, scores, monitoring, portfolio, serving, streaming, archive)


def build_defs(*, resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Everything Dagster needs, with the resources of the configured environment or the ones given.

    UnsafeStoreError when the store of the configured lake or archive could lose a commit: nothing starts then.
    """
    if "lake" not in (resource_overrides or {}):
        refuse_unsafe_stores(settings())
    return dg.Definitions(
        assets=dg.load_assets_from_modules(STAGES),
        asset_checks=[
            *(*checks.CHECKS, *model_checks.CHECKS, *monitoring_checks.CHECKS, *portfolio_checks.CHECKS),
            *archive_checks.CHECKS,
        ],
        jobs=[
            *automation.JOBS,
            registry_automation.promote,
            streaming_automation.keep_stream_quick,
            streaming_automation.score_in_shadow,
            archive_automation.archive_events,
            archive_automation.archive_reports,
        ],
        schedules=[
            *streaming_automation.SCHEDULES,
            *monitoring_automation.SCHEDULES,
            *archive_automation.SCHEDULES,
        ],
        sensors=[sensors.landing, streaming_sensors.events, serving_sensors.stream_totals, monitoring_sensors.alerts],
        resources={**resources_for(settings()), **(resource_overrides or {})},
        executor=executor_for(settings()),
    )


defs = build_defs()
