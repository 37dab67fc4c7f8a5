"""What a model card says of how the posterior fared: out of time, monitored, beside rules and others, under review."""

import polars as pl

from creditrisk_assets.monitoring.card_facts import Facts
from creditrisk_assets.monitoring.document import Block, Grid, Listing, Section, Text
from creditrisk_assets.monitoring.review import NOTHING

RATES = ("flagged_share", "bad_rate", "flagged_bad_rate", "recall", "posterior_recall", "overlap")
"""Measures of monitoring/rule_agreement that add up over vintages: events over loans."""
MEDIANS = ("lift", "tier_auc", "posterior_auc")


def out_of_time(found: Facts) -> Section:
    """The twelve vintages after its date, beside the benchmarks."""
    title = "Performance out of time"
    if found.comparison.is_empty():
        why = "the lake has another posterior of this date since" if found.known.promoted else "no vintage has matured"
        return Section(title, (Text(f"Not tested: {why} (models/comparison)."),))
    blocks: list[Block] = []
    for (protocol,), rows in found.comparison.sort("outcomes", "model").group_by("outcomes", maintain_order=True):
        first = rows.row(0, named=True)
        blocks += [
            Text(f"Vintages {first['first_vintage']:%Y-%m} to {first['last_vintage']:%Y-%m}, outcomes {protocol}: "
                 f"{first['rows']:,} loans, {first['bads']:,} defaults, observed rate {first['observed']:.2%}."),
            Grid(("model", "AUC", "KS", "Brier", "log loss", "mean PD"), tuple(
                (row["model"], *(f"{row[name]:.4f}" for name in ("auc", "ks", "brier", "log_loss", "mean_pd")))
                for row in rows.iter_rows(named=True)
            )),
        ]  # fmt: skip
    return Section(title, tuple(blocks))


def monitoring(found: Facts) -> Section:
    """Calibration, alarms and drift of the vintages it scored."""
    seen = found.seen
    if not seen.vintages:
        return Section("Calibration and drift", (Text(f"It has scored no vintage: {NOTHING}."),))
    scored = f"Vintages scored: {len(seen.vintages)} ({seen.vintages[0]:%Y-%m} to {seen.vintages[-1]:%Y-%m})."
    return Section("Calibration and drift", (Text(scored), *_calibrated(found), *_drifted(found)))


def _calibrated(found: Facts) -> list[Block]:
    rows, bands = found.seen.performance, found.seen.calibration.filter(split="band")
    if rows.is_empty():
        return [Text(f"Calibration: {NOTHING} (monitoring/performance).")]
    lights = ", ".join(f"{light} {rows.filter(light=light).height}" for light in ("green", "amber", "red"))
    blocks: list[Block] = [
        Text(f"Observed over expected defaults as far as observed, vintage by vintage (lights: {lights})."),
        Grid(("vintage", "loans", "observed", "expected", "O/E", "90 % interval", "light", "alarm"), tuple(
            (f"{row['vintage']:%Y-%m}", f"{row['loans']:,}", f"{row['observed']:,}", f"{row['expected']:.1f}",
             _figure(row["ratio"]), f"{_figure(row['ratio_low'])} to {_figure(row['ratio_high'])}",
             row["light"] or "", "yes" if row["alarm"] else "no")
            for row in rows.iter_rows(named=True)
        )),
    ]  # fmt: skip
    if not bands.is_empty():
        by_band = bands.group_by("group").agg(pl.col("tried", "observed", "expected").sum()).sort("group")
        blocks.append(Grid(("band", "loans tried", "observed", "expected"), tuple(
            (str(band), f"{tried:,}", f"{observed:,}", f"{expected:.1f}")
            for band, tried, observed, expected in by_band.rows()
        )))  # fmt: skip
    return blocks


def _drifted(found: Facts) -> list[Block]:
    rows, whole = found.seen.drift, found.seen.population
    if rows.is_empty():
        return [Text(f"Drift: {NOTHING} (monitoring/drift).")]
    worst = rows.sort("psi", descending=True).unique("feature", keep="first", maintain_order=True).head(5)
    told = "; ".join(f"{name} {rows.filter(verdict=name).height}" for name in ("drifted", "watch", "stable"))
    blocks: list[Block] = [
        Text(f"Features and scores of {rows['vintage'].n_unique()} vintages against the training window: {told}. The "
             "largest shifts:"),
        Grid(("feature", "vintage", "PSI", "95 % by chance", "verdict"), tuple(
            (row["feature"], f"{row['vintage']:%Y-%m}", f"{row['psi']:.3f}", f"{row['psi_high']:.3f}", row["verdict"])
            for row in worst.iter_rows(named=True)
        )),
    ]  # fmt: skip
    tested = whole.filter(pl.col("auc").is_not_null())
    if not tested.is_empty():
        told_apart, largest = tested.select(pl.col("distinguishable").sum(), pl.col("auc").max()).row(0)
        blocks.append(Text(f"A classifier tells {told_apart} of {tested.height} vintages from the window; largest AUC "
                           f"{largest:.3f}."))  # fmt: skip
    return blocks


def agreement(found: Facts) -> Section:
    """What the rules say of the same loans."""
    title, rows = "Agreement with the rules", found.seen.agreement
    if rows.is_empty() or not found.seen.vintages:
        return Section(title, (Text(f"{NOTHING.capitalize()} (monitoring/rule_agreement)."),))
    sums = rows.group_by("measure").agg(pl.col("events", "loans").sum(), median=pl.col("value").median())
    by_name = {row["measure"]: row for row in sums.iter_rows(named=True)}
    told = [(name, f"{by_name[name]['events'] / by_name[name]['loans']:.2%}", f"of {by_name[name]['loans']:,}")
            for name in RATES if name in by_name and by_name[name]["loans"]]  # fmt: skip
    told += [(name, f"{by_name[name]['median']:.3f}", "median of the vintages")
             for name in MEDIANS if name in by_name and by_name[name]["median"] is not None]  # fmt: skip
    rules = ", ".join(rows["rules"].drop_nulls().unique().sort())
    return Section(title, (Text(f"Rules {rules or 'unknown'}, {rows['vintage'].n_unique()} vintages."),
                           Grid(("measure", "value", "from"), tuple(told))))  # fmt: skip


def challenged(found: Facts) -> Section:
    """How it fared as champion or challenger on the same loans."""
    title, rows = "Champion and challenger", found.seen.challenger
    compared = rows.filter(pl.col("loans") > 0)
    if compared.is_empty():
        return Section(title, (Text(f"{NOTHING.capitalize()} (monitoring/challenger)."),))
    differing = compared.select((pl.col("differing") * pl.col("loans")).sum() / pl.col("loans").sum()).item()
    lines = tuple(
        (f"{row['vintage']:%Y-%m}", f"{row['champion_feature_set']} of {row['champion_model_date']}",
         f"{row['challenger_feature_set']} of {row['challenger_model_date']}", f"{row['loans']:,}",
         f"{row['differing']:.1%}", _figure(row["champion_auc"], 4), _figure(row["challenger_auc"], 4))
        for row in compared.iter_rows(named=True)
    )  # fmt: skip
    return Section(title, (
        Text(f"Decided otherwise: {differing:.1%} of {compared['loans'].sum():,} loans."),
        Grid(("vintage", "champion", "challenger", "loans", "decided otherwise", "AUC", "its AUC"), lines),
    ))  # fmt: skip


def governance(found: Facts) -> Section:
    """Who answers for it, what part it plays, and what opens its next review."""
    made, review = found.known.promotion, found.review
    act = "It was never promoted."
    if made is not None:
        act = (f"Promoted {made.promoted_at:%Y-%m-%d %H:%M} UTC by {made.promoted_by} in run {made.run_id}, "
               f"before: {made.previous or 'nobody'}. Reason: {made.reason}")  # fmt: skip
    return Section("Owner and next review", (
        Text(f"Owner: {found.owner}. Role when this card was written: {found.role}; monitoring/inventory tells the "
             "role of today."),
        Text(act),
        Text(f"Next review: {review.next.name} ({review.next.reading}); no later than {review.due}."),
        Grid(("trigger", "limit", "reading", "fired"), tuple(
            (one.name, one.limit, one.reading, "yes" if one.fired else "no") for one in review.triggers
        )),
    ))  # fmt: skip


def links() -> Section:
    """Where everything comes from: assets by key, as the catalogue of Dagster has them."""
    keys = ("features/loans", "models/reference", "models/evidence", "models/posterior", "models/parameters",
            "models/moments", "models/diagnostics", "models/backtest", "models/comparison", "models/logistic",
            "models/boosting", "models/promotions", "models/rules", "scores/loans", "scores/lineage",
            "monitoring/performance", "monitoring/calibration", "monitoring/drift", "monitoring/population",
            "monitoring/rule_agreement", "monitoring/challenger", "monitoring/inventory")  # fmt: skip
    return Section("Assets", (Listing(keys),))


def _figure(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
