"""The one way to another champion."""

import dagster as dg

from creditrisk_assets.contracts import MODELS_PROMOTIONS

PROMOTIONS = dg.AssetSelection.assets(list(MODELS_PROMOTIONS.key))
"""What no other job may select: nothing is promoted by the way."""

promote = dg.define_asset_job(
    "promote",
    selection=PROMOTIONS,
    description="Make a posterior the champion, with a reason on record: fill in the run config in the launchpad.",
)
