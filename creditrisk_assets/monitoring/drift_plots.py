"""Drift at a glance: features by vintages, and the worst feature then and now."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.monitoring.stability import DRIFTED

SHOWN = 36
"""Characters of a label."""


@dataclass(frozen=True)
class Bars:
    """Loans by group of one feature, then and now."""

    title: str
    labels: Sequence[str]
    then: NDArray[np.int64]
    now: NDArray[np.int64]


def drift_png(drift: pl.DataFrame) -> bytes:
    """PSI of every feature (rows, the worst on top) in every vintage (columns); a dot: beyond chance.

    `drift`: rows of monitoring/drift, at least one.
    """
    from matplotlib.figure import Figure

    order = drift.group_by("feature").agg(pl.col("psi").max()).sort("psi", "feature", descending=[True, False])
    features, vintages = order["feature"].to_list(), drift["vintage"].unique().sort().to_list()
    wide = np.full((len(features), len(vintages)), np.nan)
    rows = np.array([features.index(name) for name in drift["feature"]])
    columns = np.array([vintages.index(month) for month in drift["vintage"]])
    wide[rows, columns] = drift["psi"].to_numpy()
    figure = Figure(figsize=(3.5 + 0.22 * max(len(vintages), 12), 1.2 + 0.22 * len(features)), dpi=110,
                    layout="constrained")  # fmt: skip
    axes = figure.subplots()
    picture = axes.imshow(wide, aspect="auto", cmap="OrRd", vmin=0, vmax=DRIFTED)
    beyond = drift["significant"].to_numpy()
    axes.plot(columns[beyond], rows[beyond], "o", color="black", markersize=2.5)
    step = max(1, len(vintages) // 24)
    shown = range(0, len(vintages), step)
    axes.set_xticks(list(shown), [f"{vintages[place]:%Y-%m}" for place in shown], rotation=90, fontsize=7)
    axes.set_yticks(range(len(features)), features, fontsize=7)
    axes.set(xlabel="vintage")
    figure.colorbar(picture, ax=axes, label="PSI, a dot where beyond chance", extend="max")
    return _png(figure)


def worst_png(bars: Bars) -> bytes:
    """Shares of the groups of one feature in the training window and in the vintage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.34 * len(bars.labels) + 1.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(bars.labels))
    for offset, name, counts in ((-0.2, "training window", bars.then), (0.2, "vintage", bars.now)):
        axes.barh(places + offset, counts / counts.sum(), height=0.38, label=name)
    labels = [label if len(label) <= SHOWN else f"{label[: SHOWN - 1]}…" for label in bars.labels]
    axes.set_yticks(places, labels, fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="share of the loans")
    axes.set_title(bars.title, fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _png(figure: object) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
