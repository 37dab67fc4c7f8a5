"""`creditrisk lake`: what a deployment asks before it starts."""

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
