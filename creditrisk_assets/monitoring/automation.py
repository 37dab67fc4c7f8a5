"""What runs together in monitoring: vintages held against what became of them, models written up."""

import dagster as dg

from creditrisk_assets.contracts import MONITORING_INVENTORY, MONITORING_MODEL_CARDS

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
