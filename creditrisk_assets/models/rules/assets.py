"""The asset that shows the rules in force."""

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import MODELS_RULES
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.models.rules.table import rows_of
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.shell import catalogue


@dg.asset(**catalogue(MODELS_RULES, kinds={"yaml", "deltalake"}))
def rules() -> dg.Output[pl.DataFrame]:
    """Read the rules that flag loans beside the model: bands, reasons, watchlist and tiers, as they are in force."""
    rule_set = load_rules(settings().rules)
    return dg.Output(rows_of(rule_set), metadata={"rules": rule_set.version})
