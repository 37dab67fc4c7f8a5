"""`creditrisk stream` and `creditrisk quarantine`: acts of an operator; every verb calls one function."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.resources.environments import SettingsError, settings

if TYPE_CHECKING:
    from creditrisk_assets.streaming.events import Events
    from creditrisk_assets.streaming.restart import Start

TOPIC = click.Choice([APPLICATIONS, ACTIVITY])
DAY = click.DateTime(["%Y-%m-%d"])
SHOWN = 200  # characters of a key or a message


class StartOption(click.ParamType["Start"]):
    """beginning, end or an offset."""

    name = "beginning|end|offset"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> "Start":
        """The word, or the number."""
        if isinstance(value, int):
            return value
        if value == "beginning":
            return "beginning"
        if value == "end":
            return "end"
        if not value.isdecimal():
            self.fail(f"{value!r} is neither beginning nor end nor an offset", param, ctx)
        return int(value)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the stream, the lake and the settings as one line."""
    from creditrisk_assets.resources.delta import LakeError
    from creditrisk_assets.streaming.errors import StreamError

    try:
        yield
    except (OSError, SettingsError, LakeError, StreamError) as error:
        raise click.ClickException(str(error)) from error


@click.group()
def stream() -> None:
    """Look after the stream."""


@stream.command()
@click.option("--topic", type=TOPIC, required=True)
@click.option("--partition", type=click.IntRange(min=0), help="Only this one.  [default: all of the topic]")
@click.option("--from", "start", type=StartOption(), required=True, help="Where to go on.")
def restart(topic: str, partition: int | None, start: "Start") -> None:
    """Give up offsets that cannot be read, or read some again, and say so in raw/events.

    Needed where the stream stopped because messages were removed before they were taken, or a topic was
    made anew. Nothing is skipped without it.
    """
    from creditrisk_assets.resources.delta import Lake
    from creditrisk_assets.streaming.connection import client_arguments
    from creditrisk_assets.streaming.events import Events
    from creditrisk_assets.streaming.log import Log
    from creditrisk_assets.streaming.restart import restart as restarted

    with _told():
        values = settings()
        with Log(client_arguments(values), [topic]) as log:
            done = restarted(Events(Lake(values.lake)), log, topic, start, partition)
    for step in done:
        click.echo(f"{step.place} goes on at {step.after.next} of epoch {step.after.epoch}; {step.said}")
    if not done:
        click.echo("Nothing to do: it stands there already.")


@stream.command()
@click.confirmation_option(prompt="Empty what PostgreSQL shows of the stream, until the next run has filled it again?")
def refill() -> None:
    """Empty the serving tables of the stream, which its next run fills again from the lake.

    After a restore of the lake, with the stream stopped. Overrides stay.
    """
    from creditrisk_assets.serving.connection import connect
    from creditrisk_assets.serving.errors import ServingError
    from creditrisk_assets.serving.live import empty

    try:
        with connect("owner") as connection:
            empty(connection)
    except (SettingsError, ServingError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("Empty: the next run of the stream fills it from the lake.")


@click.group()
def quarantine() -> None:
    """Messages that could not be read."""


@quarantine.command("list")
@click.option("--topic", type=TOPIC)
@click.option("--day", type=DAY, help="Day on which they were taken.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
def list_quarantine(topic: str | None, day: datetime | None, limit: int) -> None:
    """Show messages in quarantine, with the reason, the newest last."""
    from creditrisk_assets.resources.delta import Lake
    from creditrisk_assets.streaming.events import Events
    from creditrisk_assets.streaming.quarantine import quarantined

    with _told():
        events = Events(Lake(settings().lake))
        found = quarantined(events, topic, _day(day))
        _say_of_none(events)
    for row in found.tail(limit).iter_rows(named=True):
        click.echo(
            f"{row['ingested_at']:%Y-%m-%d %H:%M:%S} {row['topic']}[{row['partition']}] epoch {row['epoch']} "
            f"offset {row['offset']}: {row['error']}\n    {_shown(row['raw'])}"
        )
    click.echo(f"{found.height:,} messages in quarantine" + (f", {limit:,} shown" if found.height > limit else ""))


@quarantine.command("replay")
@click.option("--topic", type=TOPIC)
@click.option("--day", type=DAY, help="Day on which they were taken.")
def replay_quarantine(topic: str | None, day: datetime | None) -> None:
    """Read messages in quarantine anew, after a fix; those that are good now go on, once."""
    from creditrisk_assets.resources.delta import Lake
    from creditrisk_assets.streaming.decoding import decode
    from creditrisk_assets.streaming.events import Events
    from creditrisk_assets.streaming.quarantine import replay

    with _told():
        events = Events(Lake(settings().lake))
        done = replay(events, decode, topic, _day(day))
        _say_of_none(events)
    click.echo(f"{done.tried:,} messages read anew, {done.good:,} of them good now")


def _say_of_none(events: "Events") -> None:
    if not events.exists:
        click.echo(f"There is nothing yet: no message was taken into {events.contract.name} of this lake.")


def _day(day: datetime | None) -> date | None:
    return None if day is None else day.date()


def _shown(raw: bytes | None) -> str:
    return "no message" if raw is None else repr(raw[:SHOWN]) + (" …" if len(raw) > SHOWN else "")
