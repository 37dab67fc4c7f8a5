"""Tables and pictures for the catalogue, as Markdown that needs no other file."""

import base64
import io

import polars as pl

SHOWN = 30


def as_markdown(frame: pl.DataFrame) -> str:
    """A small frame as a Markdown table, floats to five digits."""
    head = "| " + " | ".join(frame.columns) + " |\n|" + "---|" * frame.width
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows()]
    return "\n".join([head, *lines])


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def embedded(png: bytes) -> str:
    """A picture as a Markdown data link."""
    return f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})"


def coefficients_png(parameters: pl.DataFrame) -> bytes:
    """The strongest common effects with their 90 % intervals, from rows of models/parameters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grouped = r"^(?:purpose|addr_state|vintage|scale|baseline)\[|^persistence$"
    common = parameters.filter(~pl.col("parameter").str.contains(grouped))
    shown = common.sort(pl.col("mean").abs(), descending=True).head(SHOWN).reverse()
    figure = Figure(figsize=(7, 0.25 * shown.height + 1), dpi=110, layout="constrained")
    axes = figure.subplots()
    places = range(shown.height)
    axes.hlines(places, shown["low"].to_numpy(), shown["high"].to_numpy(), linewidth=1.5)
    axes.plot(shown["mean"].to_numpy(), places, "o", markersize=4)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(list(places), shown["parameter"].to_list(), fontsize=7)
    axes.set(xlabel="effect on the log-odds of default, 90 % interval")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def vintages_png(backtest: pl.DataFrame) -> bytes:
    """Default rate per loan-month of each vintage: observed, and 90 % intervals by all other vintages.

    `backtest`: rows of models/backtest of one model.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = backtest.filter(pl.col("trials") > 0).sort("vintage")
    rate = {name: 1_000 * shown[name].to_numpy() / shown["trials"].to_numpy()
            for name in ("defaults", "expected_left_out", "low_left_out", "high_left_out")}  # fmt: skip
    figure = Figure(figsize=(7, 3.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    months = shown["vintage"].to_numpy()
    axes.fill_between(months, rate["low_left_out"], rate["high_left_out"], alpha=0.25, label="90 %, left out")
    axes.plot(months, rate["expected_left_out"], linewidth=1.2, label="expected, left out")
    axes.plot(months, rate["defaults"], "o", markersize=4, color="black", label="observed")
    axes.set(xlabel="vintage", ylabel="defaults per 1,000 loan-months")
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
