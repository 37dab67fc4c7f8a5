"""`creditrisk simulate events`: a living book, sent to the stream."""

from pathlib import Path
from typing import Any

import click

from creditrisk_assets.options import Finite
from creditrisk_assets.resources.environments import SettingsError, settings

SHARE = Finite(0, 1)


@click.command("events")
@click.option("--rate", type=Finite(min=0), default=50, show_default=True,
              help="Messages a second; 0: as fast as possible.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True,
              help="The same seed gives the same messages in the same order.")  # fmt: skip
@click.option("--poison", type=SHARE, default=0.0, show_default=True, help="Share of messages that are no good.")
@click.option("--duplicates", type=SHARE, default=0.0, show_default=True, help="Share of messages sent again.")
@click.option("--late", type=SHARE, default=0.0, show_default=True,
              help="Share of activity that comes after newer events of its customer.")  # fmt: skip
@click.option("--seconds", type=Finite(min=0, min_open=True), help="End after so long.  [default: never]")
@click.option("--events", type=click.IntRange(min=1), help="End after so many messages.  [default: never]")
@click.option("--customers", type=click.IntRange(min=1), default=500, show_default=True, help="Who live at once.")
@click.option("--applications", type=SHARE,
              help="Share of applications.  [default: as many as there are new customers]")  # fmt: skip
@click.option("--backlog", type=Finite(min=0), default=0, show_default=True,
              help="Months of the book to send at once, before rate and limits count.")  # fmt: skip
@click.option("--book", type=click.Path(path_type=Path, dir_okay=False),
              help="Loan file of `simulate loans`: its customers live, who have applied already.")  # fmt: skip
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False),
              help="Parquet file: what every message is; beside it the customers' true state.")  # fmt: skip
@click.option("--partitions", type=click.IntRange(min=1), default=4, show_default=True,
              help="Of the topics, when they must be made.")  # fmt: skip
def simulate_events(
    rate: float, events: int | None, seconds: float | None, truth: Path | None, partitions: int, **asked: Any
) -> None:
    """Send applications and activity of a living book until Ctrl-C, to the broker of the CREDITRISK_KAFKA_ settings.

    Customers apply, then live month by month. Whatever the rate, no event lies in the future: every
    customer has a calendar of their own, which ends before this month.
    """
    from creditrisk_assets.simulation.sending import Run, until_signalled
    from creditrisk_assets.simulation.stream import Asked
    from creditrisk_assets.streaming.connection import client_arguments
    from creditrisk_assets.streaming.producer import SendError

    try:
        run = Run(Asked(**asked), rate, events, seconds, truth)
        with until_signalled(run.stop):
            told = run.send(client_arguments(settings()), partitions)
    except (OSError, ValueError, SettingsError, SendError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(told)
