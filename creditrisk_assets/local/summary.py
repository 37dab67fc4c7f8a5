"""One summary of everything the demo materialised, as data and as text."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    RAW_LOANS_LEDGER,
    SCORES_LINEAGE,
)
from creditrisk_assets.models.artifacts import TEST_MONTHS, worst
from creditrisk_assets.models.comparison import MODELS
from creditrisk_assets.models.evaluation import FIGURES, evaluate_lake
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import add_months

Summary = dict[str, Any]


def tables_summary(lake: Lake) -> Summary:
    """Rows read, clean and quarantined, vintages with loans, and the worst diagnostics."""
    ledger = lake.scan(RAW_LOANS_LEDGER).collect()
    summary: Summary = {
        "rows": {name: int(ledger[name].sum()) for name in ("read", "clean", "quarantined")},
        "vintages": ledger.filter(pl.col("clean") > 0)["vintage"].drop_nulls().n_unique(),
    }
    if lake.exists(MODELS_DIAGNOSTICS):
        summary["diagnostics"] = worst(lake.scan(MODELS_DIAGNOSTICS).collect())
    if lake.exists(SCORES_LINEAGE):
        summary["scored"] = int(lake.scan(SCORES_LINEAGE).select(pl.col("scored").sum()).collect().item())
    return summary


def headline_dates(found: Sequence[date], model_dates: Sequence[date]) -> tuple[date, date, date] | None:
    """Model date, first and last test vintage: the latest model date followed by twelve vintages of the book."""
    book = set(found)
    tests = {day: [add_months(day, month) for month in range(TEST_MONTHS)] for day in model_dates}
    usable = [day for day, months in tests.items() if book.issuperset(months)]
    if not usable:
        return None
    return max(usable), max(usable), tests[max(usable)][-1]


def headline(model_date: date, first: date, last: date, comparison: pl.DataFrame) -> Summary:
    """Figures by model and feature set under `final`, and `as_known` beside them.

    The as-known figures are those of the materialised models; the final ones are fitted here, for
    comparison with publications. A protocol whose test population is empty is left out with its reason.
    """
    result: Summary = {name: {} for name in MODELS}
    for feature_set in FEATURE_SETS:
        mine = comparison.filter(pl.col("model_date") == model_date, pl.col("feature_set") == feature_set)
        known = {row["model"]: {figure: row[figure] for figure in FIGURES} for row in mine.iter_rows(named=True)}
        try:
            final: Summary = evaluate_lake(model_date, first, last, feature_set, "final")["models"]
        except ValueError as error:
            final = {name: {"not_evaluated": str(error)} for name in MODELS}
        for name in MODELS:
            result[name][feature_set] = {"outcomes": "final", **final[name], "as_known": known.get(name)}
    return result


def walk_forward(comparison: pl.DataFrame) -> list[Summary]:
    """As-known AUC and log loss of every model at every model date, both feature sets."""
    columns = ["model_date", "feature_set", "model", "rows", "bads", "auc", "log_loss", "mean_pd", "observed"]
    ordered = comparison.select(columns).sort("feature_set", "model_date", "model")
    return [{**row, "model_date": f"{row['model_date']:%Y-%m}"} for row in ordered.iter_rows(named=True)]


def render(summary: Summary) -> str:
    """The summary as people read it."""
    rows = summary["rows"]
    lines = [
        "",
        f"Rows       read {rows['read']:,} = clean {rows['clean']:,} + quarantined {rows['quarantined']:,}",
        f"Vintages   {summary['vintages']}, loans scored {summary.get('scored', 0):,}",
    ]
    if "headline" in summary:
        lines += _headline_lines(summary)
    if "diagnostics" in summary:
        worst_of = summary["diagnostics"]
        lines.append(
            f"Sampler    {worst_of['passed']} of {worst_of['models']} posteriors passed; worst R-hat "
            f"{worst_of['r_hat_max']:.4f}, ESS bulk {worst_of['ess_bulk_min']:.0f}, "
            f"tail {worst_of['ess_tail_min']:.0f}, divergences {worst_of['divergences']}"
        )
    lines.append("Seconds    " + ", ".join(f"{name} {spent:.1f}" for name, spent in summary["seconds"].items()))
    return "\n".join(lines)


def _headline_lines(summary: Summary) -> list[str]:
    asked = summary["headline"]
    lines = [f"Out of time: model date {asked['model_date']}, tested on vintages {asked['from']} to {asked['to']}"]
    lines.append(f"  {'model':<10} {'features':<23} {'outcomes':<9}" + "".join(f"{name:>9}" for name in FIGURES))
    for name, sets in summary["models"].items():
        for feature_set, figures in sets.items():
            for protocol, values in (("final", figures), ("as_known", figures["as_known"])):
                if values and "auc" in values:
                    cells = "".join(f"{values[figure]:>9.4f}" for figure in FIGURES)
                    lines.append(f"  {name:<10} {feature_set:<23} {protocol:<9}{cells}")
    lines.append(f"Walk-forward (as known, {asked['walk_forward_dates']} model dates): " + " / ".join(MODELS) + " AUC")
    for feature_set in FEATURE_SETS:
        mine = [row for row in summary["walk_forward"] if row["feature_set"] == feature_set]
        by_date: dict[str, dict[str, float]] = {}
        for row in mine:
            by_date.setdefault(row["model_date"], {})[row["model"]] = row["auc"]
        told = "  ".join(f"{day} " + "/".join(f"{of[name]:.3f}" for name in MODELS) for day, of in by_date.items())
        lines.append(f"  {feature_set:<23} {told}")
    return lines


def summarise(lake: Lake, found: Sequence[date]) -> Summary:
    """Everything but the seconds, which the caller knows."""
    summary = tables_summary(lake)
    if not lake.exists(MODELS_COMPARISON):
        return summary
    comparison = lake.scan(MODELS_COMPARISON).collect()
    dates = headline_dates(found, comparison["model_date"].unique().to_list())
    if dates is None:
        return summary
    summary["headline"] = {
        "model_date": f"{dates[0]:%Y-%m}",
        "from": f"{dates[1]:%Y-%m}",
        "to": f"{dates[2]:%Y-%m}",
        "walk_forward_dates": comparison["model_date"].n_unique(),
    }
    summary["models"] = headline(*dates, comparison)
    summary["walk_forward"] = walk_forward(comparison)
    return summary
