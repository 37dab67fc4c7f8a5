"""Reliability plot: does a PD of 15 % default in 15 % of cases?"""

import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from creditrisk_assets.models.metrics import calibration


def reliability_png(outcome: Any, predictions: Mapping[str, Any], title: str = "") -> bytes:
    """PNG bytes: mean PD against observed default rate by decile, one line per model in `predictions`."""
    return deciles_png({name: calibration(outcome, pd) for name, pd in predictions.items()}, title)


def deciles_png(tables: Mapping[str, pl.DataFrame], title: str = "") -> bytes:
    """The same from tables as `metrics.calibration` makes them, by model.

    Drawn off screen with a figure of its own, so it is safe in any thread of any server.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    top = 0.0
    for name, table in tables.items():
        x, y = 100 * table["mean_pd"].to_numpy(), 100 * table["observed"].to_numpy()
        axes.plot(x, y, marker="o", markersize=4, linewidth=1.2, label=name)
        top = max(top, float(x.max()), float(y.max()))
    axes.plot([0, 1.05 * top], [0, 1.05 * top], color="grey", linewidth=0.8, linestyle="--", label="perfect")
    axes.set(xlabel="mean predicted PD by decile, %", ylabel="observed default rate, %")
    axes.set_title(title, fontsize=9)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
