"""The figures of docs/model.md, drawn from a simulated book so that anybody can draw them again."""

import io
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.features.loans import features
from creditrisk_assets.models import plots
from creditrisk_assets.models.backtest import backtest
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.outcomes import out_of_time
from creditrisk_assets.models.posterior import Fit, fit_window
from creditrisk_assets.models.records import evidence_rows, fit_expansion, window_of
from creditrisk_assets.models.reliability import reliability_png
from creditrisk_assets.models.survival import survival_curves
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.resources.environments import PROJECT, add_months
from creditrisk_assets.simulation.book import simulate_loans

LOANS, FIRST, VINTAGES, WINDOW = 60_000, date(2014, 1, 1), 48, 24
MODEL_DATE = date(2017, 1, 1)


def _book() -> pl.DataFrame:
    with TemporaryDirectory(prefix="creditrisk-") as folder:
        book = simulate_loans(loans=LOANS, vintages=VINTAGES, seed=7, out=Path(folder), first_vintage=FIRST)
        raw = read_loans([book.file], (FIRST, add_months(FIRST, VINTAGES - 1))).clean
    return features(raw.lazy()).collect()


def _fitted(book: pl.DataFrame) -> tuple[Fit, pl.DataFrame]:
    """The posterior as known at the model date, and the backtest of its window."""
    frame = learned_from(book.lazy(), MODEL_DATE, WINDOW)
    expansion, loans = fit_expansion(frame, "application", MODEL_DATE, add_months(MODEL_DATE, -1))
    rows = evidence_rows(frame.select(book.columns), list(expansion.design.vintages), expansion)
    window, evidence = window_of(expansion, rows, loans)
    fit = fit_window(window, loans, expansion.scales)
    posterior = fit.posterior
    return fit, backtest(window, evidence, posterior.scales.mean(axis=0), float(posterior.persistence.mean()))


def _drawn(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _survival(fit: Fit, loans: pl.DataFrame) -> bytes:
    """PD by month of a safe, a middling and a risky loan of one term, with 90 % intervals."""
    from matplotlib.figure import Figure

    same = loans.filter(pl.col("term_months") == 36)
    order = fit.posterior.predict(same)["pd"].arg_sort()
    chosen = same[[order[int(share * (same.height - 1))] for share in (0.1, 0.5, 0.95)]]
    curves = survival_curves(fit.posterior.scorer, chosen, months=36)
    figure = Figure(figsize=(6, 3.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(("10th percentile of risk", "median", "95th percentile")):
        one = curves.filter(pl.col("row") == row)
        months = one["month"].to_numpy()
        low, high = 100 * one["pd_low"].to_numpy(), 100 * one["pd_high"].to_numpy()
        (line,) = axes.plot(months, 100 * one["pd"].to_numpy(), label=name)
        axes.fill_between(months, low, high, alpha=0.2, color=line.get_color())
    axes.set(xlabel="month on book", ylabel="defaulted by then, %")
    axes.legend(frameon=False)
    return _drawn(figure)


def _baseline(fit: Fit) -> bytes:
    """Default hazard of the average loan by month on book, with 90 % intervals."""
    from matplotlib.figure import Figure

    design = fit.posterior.design
    draws = fit.posterior.coefficients[:, design.parts["baseline"]]
    months = np.arange(design.periods.starts[0], 37)
    hazard = 100 / (1 + np.exp(-draws[:, design.periods.band[months]]))
    low, middle, high = np.quantile(hazard, [0.05, 0.5, 0.95], axis=0)
    figure = Figure(figsize=(6, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.step(months, middle, where="mid")
    axes.fill_between(months, low, high, step="mid", alpha=0.25)
    axes.set(xlabel="month on book", ylabel="default hazard, % a month", ylim=(0, None))
    return _drawn(figure)


def draw_figures(folder: Path) -> list[Path]:
    """Write survival.png, baseline.png, vintages.png and reliability.png into `folder`; the paths written."""
    book = _book()
    fit, tested = _fitted(book)
    later = out_of_time(book.lazy(), MODEL_DATE, MODEL_DATE, add_months(MODEL_DATE, 11), "as_known")
    predicted = fit.posterior.predict(later)["pd"].to_numpy()
    pictures = {
        "survival": _survival(fit, later),
        "baseline": _baseline(fit),
        "vintages": plots.vintages_png(tested),
        "reliability": reliability_png(later["outcome"].to_numpy(), {"posterior": predicted}, "twelve later vintages"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in pictures.items():
        (folder / f"{name}.png").write_bytes(png)
    return [folder / f"{name}.png" for name in pictures]


if __name__ == "__main__":
    draw_figures(PROJECT / "docs" / "figures")
