"""What runs together in monitoring: vintages held against what became of them, models written up."""

import dagster as dg

from creditrisk_assets.contracts import MONITORING_INVENTORY, MONITORING_MODEL_CARDS, SERVING_DEFAULT_CURVES

_reports = dg.AssetSelection.assets(list(MONITORING_INVENTORY.key), list(MONITORING_MODEL_CARDS.key))

monitor_vintages = dg.define_asset_job(
    "monitor_vintages",
    selection=dg.AssetSelection.groups("monitoring") - _reports,
    description="Hold models and rules against what became of some vintages.",
)
report_models = dg.define_asset_job(
    "report_models",
    selection=_reports,
    description="Write the cards of the models of some model dates, and list all models in use.",
)

_carried = dg.AssetCheckKey(dg.AssetKey(list(SERVING_DEFAULT_CURVES.key)), "carries_every_vintage_through")
follow_vintages = dg.define_asset_job(
    "follow_vintages",
    selection=dg.AssetSelection.checks(_carried),
    description="Look for vintages that wait too long, or whose tables are older than their source.",
)
SCHEDULES = (
    dg.ScheduleDefinition(
        job=follow_vintages,
        cron_schedule="0 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Once a day: a vintage that nobody touches is noticed by no run of its own.",
    ),
)
