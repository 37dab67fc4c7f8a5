"""Pictures of calibration: vintages against their predictive bands, deciles against the line of perfection."""

import io

import polars as pl

from creditrisk_assets.models.reliability import deciles_png


def vintages_png(performance: pl.DataFrame) -> bytes:
    """PNG of observed over expected defaults by vintage with 90 % intervals, resolved loans alone beside them.

    `performance`: rows of monitoring/performance; vintages in which no default was possible yet are left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = performance.filter(pl.col("ratio").is_not_null()).sort("vintage")
    alarms = shown.filter("alarm")
    figure = Figure(figsize=(7, 3.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    months = shown["vintage"].to_numpy()
    axes.fill_between(months, shown["ratio_low"].to_numpy(), shown["ratio_high"].to_numpy(), alpha=0.25, label="90 %")
    axes.plot(months, shown["ratio"].to_numpy(), "o-", markersize=4, linewidth=1.2, label="all loans, by hazard")
    resolved = shown["resolved_ratio"].cast(pl.Float64).to_numpy()
    axes.plot(months, resolved, linewidth=1, linestyle=":", label="resolved loans alone")
    axes.plot(alarms["vintage"].to_numpy(), alarms["ratio"].to_numpy(), "rx", label="alarm of early defaults")
    axes.axhline(1, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="vintage", ylabel="observed / expected defaults")
    axes.tick_params(axis="x", labelrotation=30)
    axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def deciles_of(calibration: pl.DataFrame) -> pl.DataFrame:
    """Deciles of all vintages together, as `reliability.deciles_png` draws them: band, rows, bads, mean_pd, observed.

    `calibration`: rows of monitoring/calibration; rates are of the months observed so far.
    """
    sums = calibration.filter(split="decile").group_by(band="group").agg(
        rows=pl.col("tried").sum(), bads=pl.col("observed").sum(), expected=pl.col("expected").sum()
    ).filter(pl.col("rows") > 0)  # fmt: skip
    rates = {"mean_pd": pl.col("expected") / pl.col("rows"), "observed": pl.col("bads") / pl.col("rows")}
    return sums.with_columns(**rates).drop("expected").sort("band")


def calibration_png(calibration: pl.DataFrame) -> bytes:
    """PNG of expected against observed default rate by decile; empty axes where nothing was observed yet."""
    table = deciles_of(calibration)
    return deciles_png({"as far as observed": table} if table.height else {}, "deciles of the PD, all vintages shown")
