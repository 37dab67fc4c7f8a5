"""What several tables are declared of: types, keys, and columns of one kind."""

from datetime import date
from functools import partial

import polars as pl

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts.words import FEATURE_SETS

Text, Real, Whole, Day, Flag = pl.String, pl.Float64, pl.Int32, pl.Date, pl.Boolean
Instant = pl.Datetime("us", "UTC")

FIRST_DAY, LAST_DAY = date(1930, 1, 1), date(2100, 1, 1)

VINTAGE = Column("vintage", Day, "month in which the loan was issued", "month", "key", nullable=False)
LOAN_ID = Column("loan_id", Text, "stable identifier: the lender's id, else a digest of the application", "", "key",
                  nullable=False)  # fmt: skip
MODEL_DATE = Column("model_date", Day, "as-of date of the model: nothing later was known", "month", "key",
                     nullable=False)  # fmt: skip
FEATURE_SET = Column("feature_set", Text, "declared set of features the model may use", "", "key", nullable=False,
                      allowed=FEATURE_SETS)  # fmt: skip

asked = partial(Column, known="application")
amount = partial(Column, dtype=Real, unit="USD", known="application", parse="number", low=0)
count = partial(Column, dtype=Whole, unit="count", known="application", parse="count", low=0, high=1_000)
months = partial(Column, dtype=Whole, unit="months", known="application", parse="count", low=0, high=1_200)
price = partial(Column, known="application", price=True)
later = partial(Column, known="later")
paid = partial(Column, dtype=Real, unit="USD", known="later", parse="number")

share = partial(Column, dtype=Real, nullable=False, low=0, high=1)
rows = partial(Column, dtype=pl.Int64, unit="count", nullable=False, low=0)
vector = partial(Column, dtype=pl.List(Real), nullable=False)
instant = partial(Column, dtype=Instant, unit="UTC")
