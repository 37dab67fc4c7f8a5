"""How far features and score have moved, as a page draws it: rows of monitoring/drift and monitoring/population."""

import polars as pl

from creditrisk_assets.serving import wording

NEWEST = 3
"""Vintages of which drift is named: one alone may be a whim."""
SHOWN = 36
"""Vintages of the heat map, the newest ones."""
VERDICTS = ("stable", "watch", "drifted")
SCORES = {"score": "Score", "band": "Risk band"}
SURE = 1.6448536269514722
"""95 % quantile of the standard normal: 90 % lie between both ends."""

_SEVERITY = pl.col("verdict").replace_strict(VERDICTS, range(len(VERDICTS)), return_dtype=pl.Int8)


def heat_map(drift: pl.DataFrame, most: int = SHOWN) -> pl.DataFrame:
    """Rows of the newest `most` vintages with `name` of the feature in words, `label` of the vintage, and `rank`.

    `rank` orders features: score and band first, then by the sum of their severities, then by their largest PSI.
    """
    rows = _newest(drift, most).with_columns(severity=_SEVERITY)
    order = rows.group_by("feature").agg(
        score=(pl.col("kind") == "score").any(), severity=pl.col("severity").sum(), psi=pl.col("psi").max()
    )
    order = order.sort("score", "severity", "psi", "feature", descending=[True, True, True, False])
    ranked = order.select("feature").with_row_index("rank")
    return rows.join(ranked, on="feature").with_columns(_named(), _labelled()).sort("rank", "vintage")


def moved(drift: pl.DataFrame, most: int = NEWEST) -> pl.DataFrame:
    """What has drifted, or is watched, in the newest `most` vintages: a row a feature, worst first.

    The figures are those of its worst vintage; `vintages` counts those of `of` in which it is not stable.
    """
    rows = _newest(drift, most).with_columns(severity=_SEVERITY, of=pl.col("vintage").n_unique())
    found = rows.filter(pl.col("severity") > 0).with_columns(vintages=pl.len().over("feature"))
    worst = found.sort("severity", "psi", "vintage", descending=True).unique("feature", keep="first")
    named = worst.with_columns(_named(), _labelled())
    return named.sort("severity", "psi", "feature", descending=[True, True, False])


def compared(drift: pl.DataFrame, most: int = NEWEST) -> tuple[int, int]:
    """Features (scores too) and vintages that `moved` looks at."""
    rows = _newest(drift, most)
    return rows["feature"].n_unique(), rows["vintage"].n_unique()


def population(frame: pl.DataFrame, most: int = SHOWN) -> pl.DataFrame:
    """Tested rows of monitoring/population of the newest `most` vintages, with `label` and what chance allows.

    `chance_low`, `chance_high`: 90 % of the AUC if there is no difference. `leaned_on`: features whose absence costs
    the most AUC, in words.
    """
    named = [_named(f"feature_{rank}").alias(f"feature_{rank}") for rank in (1, 2, 3)]
    return (
        _newest(frame.filter(pl.col("auc").is_not_null()), most)
        .with_columns(
            _labelled(),
            *named,
            chance_low=0.5 - SURE * pl.col("auc_spread"),
            chance_high=0.5 + SURE * pl.col("auc_spread"),
        )
        .with_columns(leaned_on=pl.concat_str("feature_1", "feature_2", "feature_3", separator=", ", ignore_nulls=True))
        .sort("vintage")
    )


def _newest(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    """The rows of the newest vintages."""
    return frame.filter(pl.col("vintage").is_in(frame["vintage"].unique().top_k(most).implode()))


def _named(column: str = "feature") -> pl.Expr:
    def named(name: str) -> str:
        return SCORES.get(name) or wording.factor(name)

    return pl.col(column).map_elements(named, pl.String).alias("name")


def _labelled() -> pl.Expr:
    return pl.col("vintage").dt.strftime("%Y-%m").alias("label")
