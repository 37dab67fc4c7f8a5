"""What runs together of the rules."""

import dagster as dg

from creditrisk_assets.contracts import MODELS_RULES, SCORES_RULES

RULES = dg.AssetSelection.assets(list(MODELS_RULES.key), list(SCORES_RULES.key))
"""Apart from models and scores: rules need no model, and flag vintages that none can score."""

apply_rules = dg.define_asset_job(
    "apply_rules",
    selection=RULES,
    description="Keep the rules in force as a table, and flag the loans of some vintages by them.",
)
