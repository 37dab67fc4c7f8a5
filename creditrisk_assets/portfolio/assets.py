"""Assets of the portfolio stage."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    PORTFOLIO_EXPECTED_LOSS,
    PORTFOLIO_LGD,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_STAGES,
    PORTFOLIO_TOTALS,
    RAW_LOANS,
)
from creditrisk_assets.models.plots import as_markdown, embedded
from creditrisk_assets.partitions import model_dates, models_so_far, what_a_model_may_know
from creditrisk_assets.portfolio import plots
from creditrisk_assets.portfolio.loss_distribution import distribution
from creditrisk_assets.portfolio.posteriors import Posteriors
from creditrisk_assets.portfolio.provided import Moving
from creditrisk_assets.portfolio.reported import learn_lgd, lgd_rows, report
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager, commit_metadata, output_metadata
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.shell import Part, asset_out, at_once, catalogue, together
from creditrisk_assets.workloads import BOOK

Delta = dg.ResourceParam[DeltaLakeIOManager]
KINDS = {"numba", "deltalake"}
_LOANS = [
    dg.AssetDep(list(table.key), partition_mapping=what_a_model_may_know) for table in (FEATURES_LOANS, RAW_LOANS)
]


def _dates(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


@dg.asset(
    **catalogue(PORTFOLIO_LGD, {"numpy", "deltalake"}),
    deps=_LOANS,
    partitions_def=model_dates,
    **at_once(BOOK),
)
def loss_given_default(context: dg.AssetExecutionContext, lake: Delta) -> dg.Output[pl.DataFrame]:
    """What share of the principal owed at default never comes back, as far as recoveries were known at the date."""
    policy = load_policy(settings().policy)
    rows = [
        lgd_rows(learn_lgd(lake.lake, reporting, policy.loss_given_default), reporting) for reporting in _dates(context)
    ]
    told: dict[str, Any] = {"policy": policy.version, "policy_loss_given_default": policy.loss_given_default}
    return dg.Output(pl.concat([pl.DataFrame(schema=PORTFOLIO_LGD.schema), *rows]), metadata=told)


@dg.multi_asset(
    name="portfolio_expected_loss",
    outs={table.key[1]: asset_out(table, KINDS) for table in (PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS)},
    deps=[
        *_LOANS,
        list(PORTFOLIO_LGD.key),
        *(dg.AssetDep(list(table.key), partition_mapping=models_so_far) for table in MODELS),
    ],
    partitions_def=model_dates,
    **at_once(BOOK),
    can_subset=True,
)
def portfolio_expected_loss(context: dg.AssetExecutionContext, lake: Delta) -> Iterator[dg.MaterializeResult[None]]:
    """What every loan on book, and the book as a whole, is expected to lose: draw by draw, discounted."""
    told: dict[str, dict[str, Any]] = {}
    days, posteriors = _dates(context), {}
    for reporting in days:  # one at a time: a book of millions is written before the next is reckoned
        reported = report(lake.lake, settings().feature_set, reporting)
        posteriors[reporting.isoformat()] = str(reported.posterior_date or "none")
        if reported.posterior_date is None:
            context.log.warning(f"no good model is dated {reporting} or before: nothing can be expected of its book")
        for table, rows in ((PORTFOLIO_EXPECTED_LOSS, reported.expected_loss), (PORTFOLIO_TOTALS, reported.totals)):
            about = commit_metadata(table, context.run.run_id, [reporting])
            written = lake.lake.overwrite(table, rows, [reporting], about)
            known = output_metadata(table, lake.lake.uri(table), written, [reporting])
            counts = told.get(table.name, {}).get("partition_rows", {}) | dict(written.partition_rows)
            told[table.name] = {**known, "partition_rows": counts}
    for table in (PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS):
        key = dg.AssetKey(list(table.key))
        if key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata={**told[table.name], "posteriors": posteriors})


@dg.multi_asset(
    name="portfolio_provisions",
    outs={table.key[1]: asset_out(table, KINDS) for table in (PORTFOLIO_STAGES, PORTFOLIO_MOVEMENTS)},
    deps=[*_LOANS, *(dg.AssetDep(list(table.key), partition_mapping=models_so_far) for table in MODELS)],
    partitions_def=model_dates,
    **at_once(BOOK),
    can_subset=True,
)
def portfolio_provisions(context: dg.AssetExecutionContext, lake: Delta) -> Iterator[dg.Output[pl.DataFrame]]:
    """IFRS 9 stage and expected credit loss of every loan, and how both have moved since the date before."""
    policy, every = load_policy(settings().policy).loss_given_default, model_dates.get_partition_keys()
    moving = Moving(Posteriors(lake.lake, settings().feature_set), settings().ifrs9, policy)
    stages, moved = [pl.DataFrame(schema=PORTFOLIO_STAGES.schema)], [pl.DataFrame(schema=PORTFOLIO_MOVEMENTS.schema)]
    for key in context.partition_keys:
        place = every.index(key)
        previous = date.fromisoformat(every[place - 1]) if place else None
        now, rows = moving.to(date.fromisoformat(key), previous)
        if now.posterior_date is None:
            context.log.warning(f"no good model is dated {key} or before: no loan of its book has a stage")
        stages.append(now.stages)
        moved.append(rows)
    movements, loans = pl.concat(moved), pl.concat(stages)
    counted = loans.group_by("model_date", "stage", "reason").agg(pl.len(), pl.col("gross", "ecl").sum())
    told = {"choices": moving.choices.version, "scenarios": str(moving.choices.scenarios)}
    shown = dg.MetadataValue.md(as_markdown(counted.sort("model_date", "stage", "reason")))
    picture = dg.MetadataValue.md(embedded(plots.allowances_png(movements)))
    yield from together(context, lake, [
        Part(PORTFOLIO_STAGES, loans, {**told, "stages": shown}),
        Part(PORTFOLIO_MOVEMENTS, movements, {**told, "allowances": picture}),
    ])  # fmt: skip


@dg.asset(
    **catalogue(PORTFOLIO_LOSS_DISTRIBUTION, KINDS),
    deps=[
        *_LOANS,
        list(PORTFOLIO_LGD.key),
        *(dg.AssetDep(list(table.key), partition_mapping=models_so_far) for table in MODELS),
    ],
    partitions_def=model_dates,
    **at_once(BOOK),
)
def loss_distribution(context: dg.AssetExecutionContext, lake: Delta) -> dg.Output[pl.DataFrame]:
    """How much the book can lose within twelve months, with a factor that all loans share and without it."""
    found = [distribution(lake.lake, settings().feature_set, day) for day in _dates(context)]
    table = pl.concat([pl.DataFrame(schema=PORTFOLIO_LOSS_DISTRIBUTION.schema), *found])
    metadata: dict[str, Any] = {"figures": dg.MetadataValue.md(as_markdown(table.drop("levels", "losses")))}
    if table.height:
        last = table.filter(pl.col("model_date") == pl.col("model_date").max())
        metadata["distribution"] = dg.MetadataValue.md(embedded(plots.loss_distribution_png(last)))
    return dg.Output(table, metadata=metadata)
