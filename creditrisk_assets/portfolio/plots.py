"""Pictures of the portfolio stage for the catalogue."""

import io
from typing import Any

import numpy as np
import polars as pl


def loss_distribution_png(rows: pl.DataFrame) -> bytes:
    """Chance that the loss of twelve months is exceeded, with the common factor and without: rows of one date."""
    figure, axes = _canvas()
    for row in rows.sort("factor").iter_rows(named=True):
        beyond = 1 - np.array(row["levels"])
        axes.plot(np.array(row["losses"]) / 1e6, beyond, label=f"{row['factor']} common factor", linewidth=1.4)
        axes.axvline(row["value_at_risk_999"] / 1e6, color="grey", linewidth=0.8, linestyle="dotted")
    axes.set(yscale="log", xlabel="loss within twelve months, million USD", ylabel="chance that it is exceeded")
    axes.legend(frameon=False)
    return _png(figure)


def allowances_png(movements: pl.DataFrame) -> bytes:
    """Allowance by stage and reporting date with 90 % intervals: closing rows of portfolio/movements."""
    figure, axes = _canvas()
    closing = movements.filter(pl.col("movement") == "closing").sort("model_date")
    dates = closing["model_date"].unique().sort().to_list()
    for number, ((stage,), rows) in enumerate(closing.group_by("stage", maintain_order=True)):
        places = np.array([dates.index(day) for day in rows["model_date"]]) + 0.25 * (number - 1)
        high = np.array([rows["allowance"], rows["allowance_low"], rows["allowance_high"]], np.float64) / 1e6
        spread = np.abs(np.nan_to_num(high[1:] - high[0]))
        axes.bar(places, high[0], width=0.23, yerr=spread, label=f"stage {stage}", capsize=2)
    axes.set_xticks(range(len(dates)), [f"{day:%Y-%m}" for day in dates], rotation=90 if len(dates) > 6 else 0)
    axes.set(ylabel="expected credit loss, million USD")
    axes.legend(frameon=False)
    return _png(figure)


def _canvas() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), dpi=110, layout="constrained")
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
