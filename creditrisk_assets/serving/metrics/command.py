"""`creditrisk exporter`: thin."""

import click

from creditrisk_assets.resources.environments import SettingsError, settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--port", type=click.IntRange(0, 65535), default=9108, show_default=True, help="0 takes any free port.")
def exporter(host: str, port: int) -> None:
    """Answer Prometheus from the state of PostgreSQL, the lake, Kafka and Dagster until Ctrl-C.

    A source that does not answer is told as creditrisk_source_up 0; the others are read all the same.
    """
    from creditrisk_assets.serving.metrics.exporter import run

    try:
        run(settings(), host, port, click.echo)
    except (OSError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
