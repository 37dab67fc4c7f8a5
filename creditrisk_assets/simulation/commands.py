"""`creditrisk simulate`: data with known truth; every verb calls one function."""

from datetime import date
from pathlib import Path

import click

from creditrisk_assets.options import MONTH
from creditrisk_assets.simulation.events_command import simulate_events


@click.group()
def simulate() -> None:
    """Make data with known truth."""


@simulate.command("loans")
@click.option("--loans", type=click.IntRange(min=1), default=60_000, show_default=True, help="Loans in the book.")
@click.option("--vintages", type=click.IntRange(min=1), default=36, show_default=True, help="Months of issue.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option("--first-vintage", type=MONTH, default="2014-01", show_default=True)
@click.option("--observed-months", type=click.IntRange(min=0), default=60, show_default=True,
              help="Months from the last vintage to the day the file was made.")  # fmt: skip
@click.option("--dirty", type=float, default=0.0, show_default=True, help="Share of records damaged on purpose.")
@click.option("--drift", type=float, default=0.0, show_default=True, help="Logits of default added by a drift.")
@click.option("--income-drift", type=float, default=0.0, show_default=True, help="Log income added by a drift.")
@click.option("--drift-from", type=MONTH, help="First vintage that drifts.")
@click.option("--life", is_flag=True, help="Write every month of every loan, too.")
def simulate_loans(
    loans: int,
    vintages: int,
    seed: int,
    out: Path,
    first_vintage: date,
    observed_months: int,
    dirty: float,
    drift: float,
    income_drift: float,
    drift_from: date | None,
    life: bool,
) -> None:
    """Write a LendingClub-format book, and the truth behind it."""
    from creditrisk_assets.simulation.book import simulate_loans as simulated

    try:
        book = simulated(loans=loans, vintages=vintages, seed=seed, out=out, first_vintage=first_vintage,
                         observed_months=observed_months, dirty=dirty, drift=drift, income_drift=income_drift,
                         drift_from=drift_from, life=life)  # fmt: skip
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{book.file}: {book.rows:,} records over {len(book.vintages)} vintages, true AUC {book.auc:.3f}")


@simulate.command("history")
@click.option("--customers", type=click.IntRange(min=1), default=40_000, show_default=True, help="One loan each.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same rows.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
def simulate_history(customers: int, seed: int, out: Path) -> None:
    """Write what customers did before some defaulted: a folder for CREDITRISK_HISTORY, and the truth behind it."""
    from creditrisk_assets.simulation.history import simulate_history as simulated

    try:
        history = simulated(customers=customers, seed=seed, out=out)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{history.folder}: {history.events:,} events of {history.customers:,} customers, "
               f"{history.landmarks:,} landmarks, {history.defaults:,} defaults")  # fmt: skip


simulate.add_command(simulate_events)
