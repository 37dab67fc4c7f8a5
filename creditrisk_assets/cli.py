"""The `creditrisk` command: thin, every verb calls one function."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from creditrisk_assets.archive.commands import archive
from creditrisk_assets.models.registry.commands import champion
from creditrisk_assets.monitoring.alerts_command import alerts
from creditrisk_assets.monitoring.card_command import model_card
from creditrisk_assets.options import MONTH
from creditrisk_assets.resources.commands import lake
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving.api.command import api
from creditrisk_assets.serving.metrics.command import exporter
from creditrisk_assets.simulation.commands import simulate
from creditrisk_assets.streaming.commands import quarantine, stream
from creditrisk_assets.streaming.replay_command import replay_loans

if TYPE_CHECKING:
    from creditrisk_assets.models.outcomes import Protocol


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """From raw loans to credit decisions with uncertainty."""


main.add_command(simulate)
main.add_command(replay_loans)
main.add_command(stream)
main.add_command(quarantine)
main.add_command(alerts)
main.add_command(model_card)
main.add_command(champion)
main.add_command(exporter)
main.add_command(api)
main.add_command(archive)
main.add_command(lake)


@main.command()
@click.option("--loans", help="Real loan files (a file or a glob) instead of a simulated book.")
@click.option("--once", is_flag=True, help="Exit after the summary.")
@click.option("--port", type=int, default=3000, show_default=True, help="Where the Dagster UI listens.")
def demo(loans: str | None, once: bool, port: int) -> None:
    """Materialise everything, print one summary, then keep the Dagster UI up until Ctrl-C."""
    from creditrisk_assets.local.demo import run_demo
    from creditrisk_assets.local.home import DemoError
    from creditrisk_assets.local.supervisor import ChildError
    from creditrisk_assets.raw.sources import SourceError
    from creditrisk_assets.resources.delta import LakeError

    try:
        run_demo(loans, once, port, click.echo)
    except (OSError, DemoError, ChildError, SourceError, SettingsError, LakeError) as error:
        raise click.ClickException(str(error)) from error


class TopicOption(click.ParamType[tuple[str, int]]):
    """A topic with its number of partitions, written as loan-applications:4."""

    name = "name:partitions"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Name and number."""
        if isinstance(value, tuple):
            return value
        name, _, partitions = value.rpartition(":")
        if not name or not partitions.isdecimal():
            self.fail(f"{value!r} is not a topic with its partitions; write it as loan-applications:4", param, ctx)
        return name, int(partitions)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address; any other is refused.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the logs.  [default: broker "
              "in the data folder]")  # fmt: skip
@click.option("--topic", "topics", type=TopicOption(), multiple=True, help="Topic to have; may be repeated.")
@click.option("--retention-hours", type=click.FloatRange(min=0), default=168, show_default=True)
@click.option("--fsync", is_flag=True, help="On disk before it is acknowledged: slower, outlives a power cut.")
def broker(
    port: int, host: str, data: Path | None, topics: tuple[tuple[str, int], ...], retention_hours: float, fsync: bool
) -> None:
    """Run the development broker; it is not Apache Kafka.

    It speaks the Kafka protocol on this machine only: one node, durable, no replication, no
    transactions, no passwords. Anything else runs Apache Kafka and sets CREDITRISK_KAFKA_BOOTSTRAP.
    """
    from creditrisk_assets.local.broker.errors import BrokerError
    from creditrisk_assets.local.broker.log import Limits, LogDamagedError
    from creditrisk_assets.local.broker.node import BrokerSettings
    from creditrisk_assets.local.broker.run import run
    from creditrisk_assets.local.broker.server import NotLoopbackError
    from creditrisk_assets.local.lock import FolderInUseError
    from creditrisk_assets.resources.environments import DATA

    limits = Limits(retention_ms=int(retention_hours * 3_600_000))
    try:
        run(BrokerSettings(data or DATA / "broker", host, port, fsync, limits), topics, click.echo)
    except (OSError, BrokerError, LogDamagedError, FolderInUseError, NotLoopbackError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5433, show_default=True, help="0 takes any free port.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the database.  [default: "
              "postgres in the data folder]")  # fmt: skip
def postgres(port: int, data: Path | None) -> None:
    """Run a PostgreSQL for this machine, and say how to reach it.

    It listens on loopback, asks for passwords, and keeps them in a file of its data folder. Anything
    else runs a PostgreSQL of its own, sets CREDITRISK_POSTGRES_URL and runs `creditrisk migrate`.
    """
    from creditrisk_assets.local.lock import FolderInUseError
    from creditrisk_assets.local.postgres.cluster import PostgresError
    from creditrisk_assets.local.postgres.run import run
    from creditrisk_assets.local.postgres.server import PostgresSettings
    from creditrisk_assets.resources.environments import DATA
    from creditrisk_assets.serving.errors import ServingError

    try:
        run(PostgresSettings(data or DATA / "postgres", port), click.echo)
    except (OSError, FolderInUseError, PostgresError, ServingError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--without-login", is_flag=True, help="Listen to other machines although nobody has to log in.")
def dashboard(port: int, host: str, without_login: bool) -> None:
    """Show the dashboard until Ctrl-C."""
    import os

    from creditrisk_assets.local.dashboard import OpenDashboardError, command, login_configured, refuse_open

    try:
        refuse_open(host, has_login=without_login or login_configured())
    except OpenDashboardError as error:
        raise click.ClickException(str(error)) from error
    asked = command(host, port)
    os.execv(asked[0], asked)  # noqa: S606 - this very interpreter


@main.command()
def migrate() -> None:
    """Bring the serving tables of CREDITRISK_POSTGRES_URL to this version.

    The roles creditrisk_writer, creditrisk_reader and creditrisk_officer may log in when their passwords are set
    in CREDITRISK_POSTGRES_WRITER_PASSWORD, CREDITRISK_POSTGRES_READER_PASSWORD and
    CREDITRISK_POSTGRES_OFFICER_PASSWORD.
    """
    from creditrisk_assets.serving.connection import connect, role_passwords
    from creditrisk_assets.serving.doors import gaps
    from creditrisk_assets.serving.errors import ServingError
    from creditrisk_assets.serving.migrate import migrate as migrated

    try:
        with connect("owner") as connection:
            applied, still_open = migrated(connection, role_passwords()), gaps(connection)
    except (SettingsError, ServingError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(f"{name} applied" for name in applied) or "Nothing to do: the tables are of this version.")
    for gap in still_open:
        click.echo(f"Warning: {gap}.", err=True)


@main.command()
@click.option("--model-date", type=MONTH, required=True, help="What was known when training: nothing later.")
@click.option("--from", "first", type=MONTH, required=True, help="First test vintage.")
@click.option("--to", "last", type=MONTH, required=True, help="Last test vintage.")
@click.option("--features", type=click.Choice(["application", "application_with_price"]), default="application",
              show_default=True)  # fmt: skip
@click.option("--outcomes", type=click.Choice(["as_known", "final"]), default="as_known", show_default=True,
              help="as_known: 12-month outcomes as known; final: split by issue date, final outcomes.")  # fmt: skip
@click.option("--window", default=None, help="Training window in months, or expanding.  [default: the setting]")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write reliability by decile as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(
    model_date: date,
    first: date,
    last: date,
    features: str,
    outcomes: "Protocol",
    window: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Train all models at a date and test them on later vintages in the lake."""
    from creditrisk_assets.models.evaluation import calibration_png, evaluate_lake, table
    from creditrisk_assets.resources.delta import LakeError

    try:
        result = evaluate_lake(model_date, first, last, features, outcomes, window)
        if plot is not None:
            plot.write_bytes(calibration_png(result))
    except (OSError, ValueError, LakeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(result, indent=2) if as_json else table(result))


@main.command()
@click.option("--check", is_flag=True, help="Fail when docs/tables.md is stale.")
def docs(check: bool) -> None:
    """Write docs/tables.md from the contracts."""
    from creditrisk_assets.catalogue import tables_markdown
    from creditrisk_assets.resources.environments import PROJECT

    path, text = PROJECT / "docs" / "tables.md", tables_markdown()
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        click.echo(f"{path} written")
    elif not path.exists() or path.read_text() != text:
        raise click.ClickException(f"{path} is stale: run make docs")
