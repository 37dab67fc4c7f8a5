"""Champion beside challenger: do they agree, whom would they decide otherwise, and who was right."""

from collections.abc import Iterable
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.contracts import DECISIONS, MONITORING_CHALLENGER
from creditrisk_assets.models import metrics
from creditrisk_assets.models.outcomes import as_known
from creditrisk_assets.monitoring import paired

MODELS = ("champion_feature_set", "champion_model_date", "challenger_feature_set", "challenger_model_date")
MORE_IS_BETTER = {"auc": True, "log_loss": False, "brier": False}
_SAID = ("feature_set", "model_date", "pd", "decision")

Figures = dict[str, Any]


def pairs(champion: pl.LazyFrame, challenger: pl.LazyFrame, features: pl.LazyFrame) -> pl.LazyFrame:
    """Loans that both scored: loan_id, vintage, feature_set, model_date, pd and decision of each, outcome.

    `champion`, `challenger`: rows of scores/loans or scores/challenger. `features`: rows of features/loans, of
    which `outcome` is default within twelve months, empty while they are not over.
    """
    sides = [
        frame.select("loan_id", *extra, **{f"{role}_{name}": pl.col(name) for name in _SAID})
        for frame, role, extra in ((champion, "champion", ["vintage"]), (challenger, "challenger", []))
    ]
    outcomes = as_known(features, date.max).select("loan_id", "outcome")
    return sides[0].join(sides[1], on="loan_id").join(outcomes, on="loan_id", how="left")


def turned(both: pl.LazyFrame) -> pl.LazyFrame:
    """The same pairs seen from the other side."""
    names = {f"champion_{name}": f"challenger_{name}" for name in _SAID}
    return both.rename(names | {new: old for old, new in names.items()}).select(both.collect_schema().names())


def figures(both: pl.DataFrame) -> Figures:
    """The columns of monitoring/challenger from `loans` on, of rows of `pairs` taken together."""
    one, other = both["champion_pd"].to_numpy(), both["challenger_pd"].to_numpy()
    table = dict.fromkeys(product(DECISIONS, DECISIONS), 0)
    counted = both.group_by("champion_decision", "challenger_decision").len().rows()
    table |= {(mine, theirs): count for mine, theirs, count in counted}
    differing = sum(count for (mine, theirs), count in table.items() if mine != theirs)
    return {
        "loans": both.height,
        "champion_pd": both["champion_pd"].mean(),
        "challenger_pd": both["challenger_pd"].mean(),
        "rank_correlation": paired.rank_correlation(one, other),
        "differing": differing / both.height if both.height else None,
        **{f"{mine}_{theirs}": count for (mine, theirs), count in table.items()},
        **_known(both.filter(pl.col("outcome").is_not_null())),
    }


def _known(matured: pl.DataFrame) -> Figures:
    """What the outcomes say; empty where there are none, without an AUC where all are alike."""
    outcome = matured["outcome"].to_numpy().astype(np.bool_)
    sides = [matured[f"{role}_pd"].to_numpy() for role in ("champion", "challenger")]
    found: Figures = {"matured": outcome.size, "defaults": int(outcome.sum())}
    differences: dict[str, paired.Difference | None] = dict.fromkeys(MORE_IS_BETTER)
    values: dict[str, tuple[float | None, ...]] = dict.fromkeys(MORE_IS_BETTER, (None, None))
    if outcome.size:
        losses = {
            "log_loss": [paired.log_losses(outcome, pd) for pd in sides],
            "brier": [(pd - outcome) ** 2 for pd in sides],
        }
        differences |= {name: paired.mean_difference(*both) for name, both in losses.items()}
        differences["auc"] = paired.auc_difference(outcome, *sides)
        values |= {name: tuple(float(loss.mean()) for loss in both) for name, both in losses.items()}
        if differences["auc"] is not None:
            values["auc"] = tuple(metrics.auc(outcome, pd) for pd in sides)
    for name, more in MORE_IS_BETTER.items():
        found |= {f"champion_{name}": values[name][0], f"challenger_{name}": values[name][1]}
        found |= _told(name, differences[name], more)
    return found


def _told(name: str, difference: paired.Difference | None, more_is_better: bool) -> Figures:
    low, high = (difference and difference.interval) or (None, None)
    return {
        f"{name}_difference": difference and difference.value,
        f"{name}_error": difference and difference.error,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_winner": difference and difference.winner(more_is_better=more_is_better),
    }


def by_vintage(both: pl.LazyFrame, vintages: Iterable[date]) -> pl.DataFrame:
    """monitoring/challenger, one row for each of `vintages`; without models where no loan was scored by both."""
    found = []
    for vintage in vintages:
        mine = both.filter(pl.col("vintage") == vintage).collect()
        names = mine.row(0, named=True) if mine.height else dict.fromkeys(MODELS)
        found.append({"vintage": vintage, **{name: names[name] for name in MODELS}, **figures(mine)})
    rows = pl.DataFrame(found, schema=MONITORING_CHALLENGER.schema)
    return MONITORING_CHALLENGER.conform(rows.lazy()).collect()


def pooled(both: pl.LazyFrame) -> pl.DataFrame:
    """One row for every pair of feature sets: champion_feature_set, challenger_feature_set and `figures`.

    All loans of all vintages together, each scored by the models of its own vintage.
    """
    by = ["champion_feature_set", "challenger_feature_set"]
    groups = both.collect().partition_by(by, as_dict=True, maintain_order=True)
    rows = [dict(zip(by, name, strict=True)) | figures(group) for name, group in sorted(groups.items())]
    schema = {name: dtype for name, dtype in MONITORING_CHALLENGER.schema.items() if name in by or name not in MODELS}
    return pl.DataFrame(rows, schema={name: dtype for name, dtype in schema.items() if name != "vintage"})


def as_lines(pooled_figures: Figures) -> pl.DataFrame:
    """Figures as people read them: one row a measure, with both models, difference, interval and winner."""
    told = pooled_figures
    counts = {"loans": told["loans"], "matured": told["matured"], "defaults": told["defaults"]}
    lines = [
        {"measure": "mean PD", "champion": told["champion_pd"], "challenger": told["challenger_pd"]},
        *(
            {
                "measure": name,
                **{role: told[f"{role}_{name}"] for role in ("champion", "challenger")},
                **{end: told[f"{name}_{end}"] for end in ("difference", "low", "high", "winner")},
            }
            for name in MORE_IS_BETTER
        ),
    ]
    real = dict.fromkeys(("champion", "challenger", "difference", "low", "high"), pl.Float64)
    return pl.DataFrame(lines, schema={"measure": pl.String, **real, "winner": pl.String}).with_columns(
        pl.lit(value).alias(name) for name, value in counts.items()
    )
