"""What runs together in the portfolio stage."""

import dagster as dg

value_portfolio = dg.define_asset_job(
    "value_portfolio",
    selection=dg.AssetSelection.groups("portfolio"),
    description="Reckon expected losses, IFRS 9 stages and the distribution of losses at some reporting dates.",
)
