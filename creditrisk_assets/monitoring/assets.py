"""Assets of the monitoring stage."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_BEHAVIOUR,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_LOGISTIC,
    MODELS_PROMOTIONS,
    MODELS_RULES,
    MONITORING_CALIBRATION,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_INVENTORY,
    MONITORING_MODEL_CARDS,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
    MONITORING_RULE_AGREEMENT,
    PORTFOLIO_LGD,
    PORTFOLIO_TOTALS,
    SCORES_CHALLENGER,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SCORES_RULES,
)
from creditrisk_assets.models.outcomes import NEEDED, as_known
from creditrisk_assets.models.plots import as_markdown, embedded
from creditrisk_assets.monitoring import challenger as side_by_side
from creditrisk_assets.monitoring import rule_agreement as agreeing
from creditrisk_assets.monitoring.calibration_plots import calibration_png, vintages_png
from creditrisk_assets.monitoring.drift_plots import drift_png, worst_png
from creditrisk_assets.monitoring.evaluating import evaluate
from creditrisk_assets.monitoring.inventory import inventory as take_inventory
from creditrisk_assets.monitoring.model_card import rows_of_cards, write_cards
from creditrisk_assets.monitoring.moving import look
from creditrisk_assets.partitions import model_dates, models_before_a_vintage, vintages, vintages_since_a_model_date
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.shell import OWNERS, Part, asset_out, at_once, catalogue, together
from creditrisk_assets.workloads import BOOK

Delta = dg.ResourceParam[DeltaLakeIOManager]
CARDS_SHOWN = 8
"""Cards of one run that the catalogue shows, the newest; the table holds all."""
_LOOKED_AT = (SCORES_LINEAGE, MONITORING_CALIBRATION, MONITORING_PERFORMANCE, MONITORING_DRIFT, MONITORING_POPULATION,
              MONITORING_RULE_AGREEMENT, MONITORING_CHALLENGER)  # fmt: skip


@dg.asset(
    **catalogue(MONITORING_CHALLENGER, kinds={"numpy", "deltalake"}),
    ins={
        "champion": dg.AssetIn(list(SCORES_LOANS.key), metadata={"columns": list(SCORES_CHALLENGER.schema)}),
        "shadow": dg.AssetIn(list(SCORES_CHALLENGER.key)),
        "features": dg.AssetIn(list(FEATURES_LOANS.key), metadata={"columns": ["loan_id", *NEEDED]}),
    },
    partitions_def=vintages,
    **at_once(BOOK),
)
def challenger(
    context: dg.AssetExecutionContext, champion: pl.LazyFrame, shadow: pl.LazyFrame, features: pl.LazyFrame
) -> dg.Output[pl.DataFrame]:
    """Compare champion and challenger on each vintage: agreement, ranking, errors, and who was right beyond chance."""
    both = side_by_side.pairs(champion, shadow, features)
    rows = side_by_side.by_vintage(both, [date.fromisoformat(key) for key in context.partition_keys])
    told = {
        f"{one['champion_feature_set']} and {one['challenger_feature_set']}": dg.MetadataValue.md(
            as_markdown(side_by_side.as_lines(one))
        )
        for one in side_by_side.pooled(both).iter_rows(named=True)
    }
    return dg.Output(rows, metadata={**told, "loans": int(rows["loans"].sum()), "matured": int(rows["matured"].sum())})


@dg.asset(
    **catalogue(MONITORING_RULE_AGREEMENT, kinds={"numpy", "deltalake"}),
    ins={
        "features": dg.AssetIn(list(FEATURES_LOANS.key), metadata={"columns": ["loan_id", *NEEDED]}),
        "scored": dg.AssetIn(list(SCORES_LOANS.key), metadata={"columns": ["loan_id", "vintage", "model_date", "pd"]}),
        "rules": dg.AssetIn(list(SCORES_RULES.key)),
    },
    partitions_def=vintages,
    **at_once(BOOK),
)
def rule_agreement(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, scored: pl.LazyFrame, rules: pl.LazyFrame
) -> dg.Output[pl.DataFrame]:
    """Ask whether the rules catch the defaults that the posterior catches, vintage by vintage, as far as known."""
    frames = scored.collect(), rules.collect(), as_known(features, date.max).collect()
    months = [date.fromisoformat(key) for key in context.partition_keys]
    whole = agreeing.agreement(*frames)
    return dg.Output(agreeing.by_vintage(months, *frames), metadata={"all": dg.MetadataValue.md(as_markdown(whole))})


@dg.multi_asset(
    name="monitoring_performance",
    outs={table.key[1]: asset_out(table, {"numba", "deltalake"}) for table in (MONITORING_CALIBRATION,
                                                                              MONITORING_PERFORMANCE)},
    deps=[
        *(dg.AssetDep(list(table.key)) for table in (FEATURES_LOANS, SCORES_LOANS, SCORES_LINEAGE)),
        *(dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in MODELS),
    ],
    partitions_def=vintages,
    **at_once(BOOK),
    can_subset=True,
)  # fmt: skip
def monitoring_performance(context: dg.AssetExecutionContext, lake: Delta) -> Iterator[dg.Output[pl.DataFrame]]:
    """Hold the posterior that scored each vintage against what has become of its loans, as far as it is known."""
    found = evaluate(lake.lake, [date.fromisoformat(key) for key in context.partition_keys])
    if found.unscored:
        context.log.warning(f"no scored loan in {len(found.unscored)} vintages, {found.unscored[0]:%Y-%m} the first")
    counted = {"vintages": found.performance.height, "unscored_vintages": len(found.unscored)}
    by_vintage, deciles = vintages_png(found.performance), calibration_png(found.calibration)
    yield from together(context, lake, [
        Part(MONITORING_CALIBRATION, found.calibration, counted | {
            "by_decile": dg.MetadataValue.md(embedded(deciles)),
        }),
        Part(MONITORING_PERFORMANCE, found.performance, counted | {
            "alarms": int(found.performance["alarm"].sum()),
            "observed_over_expected": dg.MetadataValue.md(embedded(by_vintage)),
        }),
    ])  # fmt: skip


@dg.multi_asset(
    name="monitoring_drift",
    outs={table.key[1]: asset_out(table, {"numpy", "deltalake"}) for table in (MONITORING_DRIFT,
                                                                              MONITORING_POPULATION)},
    deps=[
        *(dg.AssetDep(list(table.key)) for table in (FEATURES_LOANS, SCORES_LOANS, SCORES_LINEAGE)),
        *(dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in MODELS),
    ],
    partitions_def=vintages,
    **at_once(BOOK),
    can_subset=True,
)  # fmt: skip
def monitoring_drift(context: dg.AssetExecutionContext, lake: Delta) -> Iterator[dg.Output[pl.DataFrame]]:
    """Ask how far features and score of each vintage have moved from what its model learned from."""
    found = look(lake.lake, [date.fromisoformat(key) for key in context.partition_keys], settings())
    if found.absent:
        context.log.warning(f"{len(found.absent)} vintages have nothing to be compared: see the metadata")
    counted = {"vintages": found.population.height, "without": dg.MetadataValue.json(found.absent)}
    drifted = found.drift.filter(verdict="drifted")
    pictures = {}
    if found.worst is not None:
        pngs = {"features_by_vintage": drift_png(found.drift), "worst_feature": worst_png(found.worst)}
        pictures = {name: dg.MetadataValue.md(embedded(png)) for name, png in pngs.items()}
    distinguishable = int(found.population["distinguishable"].sum())
    yield from together(context, lake, [
        Part(MONITORING_DRIFT, found.drift, {
            **counted, **pictures, "drifted": drifted.height, "drifted_vintages": drifted["vintage"].n_unique(),
        }),
        Part(MONITORING_POPULATION, found.population, {**counted, "distinguishable": distinguishable}),
    ])  # fmt: skip


@dg.asset(
    **catalogue(MONITORING_MODEL_CARDS, kinds={"jinja", "deltalake"}),
    deps=[
        *(list(table.key) for table in (*MODELS, MODELS_BACKTEST, MODELS_COMPARISON, MODELS_PROMOTIONS)),
        *(dg.AssetDep(list(table.key), partition_mapping=vintages_since_a_model_date) for table in _LOOKED_AT),
    ],
    partitions_def=model_dates,
    **at_once(BOOK),
)
def model_cards(context: dg.AssetExecutionContext, lake: Delta) -> dg.Output[pl.DataFrame]:
    """Write down what every posterior is for, made of and worth, and who answers for it until when."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    made = write_cards(lake.lake, settings(), days, OWNERS[0], datetime.now(UTC).date())
    shown = {one.known.name: dg.MetadataValue.md(str(one.row["markdown"])) for one in made[-CARDS_SHOWN:]}
    return dg.Output(rows_of_cards(made), metadata={**shown, "cards": len(made)})


@dg.asset(
    **catalogue(MONITORING_INVENTORY, kinds={"polars", "deltalake"}),
    deps=[list(table.key) for table in (MONITORING_MODEL_CARDS, MODELS_LOGISTIC, MODELS_BOOSTING, MODELS_BEHAVIOUR,
                                        MODELS_RULES, SCORES_LOANS, SCORES_RULES, PORTFOLIO_LGD, PORTFOLIO_TOTALS)],
)  # fmt: skip
def inventory(lake: Delta) -> dg.Output[pl.DataFrame]:
    """List every model in use or kept: role, owner, purpose, exposure, data, validation and next review."""
    rows = take_inventory(lake.lake, settings(), OWNERS[0], datetime.now(UTC).date())
    shown = rows.select("name", "role", "tier", "exposure", "last_validated", "review_due", "review_trigger", "card")
    counted = {"models": int(rows["is_model"].sum()), "due_for_review": int(rows["review_now"].sum())}
    return dg.Output(rows, metadata={**counted, "models_by_name": dg.MetadataValue.md(as_markdown(shown))})
