"""`creditrisk replay-loans`: a file of loans sent as applications."""

from itertools import chain, islice
from pathlib import Path

import click

from creditrisk_assets.contracts import APPLICATIONS
from creditrisk_assets.options import Finite
from creditrisk_assets.resources.environments import SettingsError, settings


@click.command("replay-loans")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rate", type=Finite(min=0, min_open=True), help="Applications a second.  [default: all at "
              "once]")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Send the first ones only.")
@click.option("--partitions", type=click.IntRange(min=1), default=4, show_default=True,
              help="Of the topic, when it must be made.")  # fmt: skip
@click.option("--now", is_flag=True, help="They apply when they are sent, not in the month of issue.")
def replay_loans(file: Path, rate: float | None, limit: int | None, partitions: int, now: bool) -> None:
    """Send the loans of FILE (csv, parquet, jsonl) as applications.

    The same loan is the same event however often it is sent: repeats count once. The broker is that
    of the CREDITRISK_KAFKA_ settings.
    """
    from creditrisk_assets.raw.sources import SourceError
    from creditrisk_assets.streaming.connection import client_arguments
    from creditrisk_assets.streaming.producer import SendError, ensure_topic, send
    from creditrisk_assets.streaming.replay import Replay

    replay = Replay(file, now)
    try:
        arguments = client_arguments(settings())
        messages = replay.messages()
        first = list(islice(messages, 1))  # a file of no use is told before a broker is asked or a topic made
        found = ensure_topic(arguments, APPLICATIONS, partitions)
        sent = send(arguments, APPLICATIONS, islice(chain(first, messages), limit), rate)
    except (OSError, SettingsError, SourceError, SendError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        for told in replay.left_out:
            click.echo(f"left out: {told}", err=True)
    click.echo(f"{sent:,} applications sent to {APPLICATIONS} ({found} partitions), {len(replay.left_out):,} left out")
    if not sent and replay.left_out:
        raise click.ClickException("nothing could be sent: mend what was left out, and send it again")
