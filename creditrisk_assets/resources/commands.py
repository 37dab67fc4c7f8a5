"""`creditrisk lake`: what a deployment asks before it starts, and what it does now and then."""

import click

from creditrisk_assets.resources.environments import SettingsError, settings


@click.group()
def lake() -> None:
    """Look after the lake that CREDITRISK_LAKE names."""


@lake.command()
def check() -> None:
    """Prove that the stores of lake and archive keep every commit; 1 is the exit code when one does not.

    For the start of a deployment, before anything writes.
    """
    from creditrisk_assets.resources.errors import LakeError
    from creditrisk_assets.resources.starting import stores, told

    try:
        for name, root in stores(settings()).items():
            click.echo(f"{name} {root}: {told(root)}")
    except (OSError, SettingsError, LakeError) as error:
        raise click.ClickException(str(error)) from error


@lake.command()
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Of versions that stay.")
def tidy(days: int) -> None:
    """Remove files that no version of the last days needs; beside the platform at work.

    A run may read what it has not committed yet for as long as it lasts: keep more days than the longest takes.
    """
    from datetime import timedelta

    from creditrisk_assets.contracts import TABLES
    from creditrisk_assets.resources.delta import Lake
    from creditrisk_assets.resources.errors import LakeError
    from creditrisk_assets.resources.tidying import tidy as tidied

    try:
        for name, count in tidied(Lake(settings().lake), TABLES.values(), timedelta(days=days)).items():
            click.echo(f"{name}: {count} files removed")
    except (OSError, SettingsError, LakeError) as error:
        raise click.ClickException(str(error)) from error
