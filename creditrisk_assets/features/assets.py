"""Assets of the features stage."""

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS
from creditrisk_assets.features.loans import features
from creditrisk_assets.partitions import vintages
from creditrisk_assets.shell import at_once, catalogue
from creditrisk_assets.workloads import BOOK


@dg.asset(
    **catalogue(FEATURES_LOANS, kinds={"polars", "deltalake"}),
    ins={"raw": dg.AssetIn(["raw", "loans"])},
    partitions_def=vintages,
    **at_once(BOOK),
)
def loans(raw: pl.LazyFrame) -> pl.LazyFrame:
    """What was known when the borrower applied, and how the loan has turned out as far as it has been observed."""
    return features(raw)
