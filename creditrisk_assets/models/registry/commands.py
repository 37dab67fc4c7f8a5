"""`creditrisk champion`: who decides, and how others compare."""

import click

from creditrisk_assets.resources.environments import SettingsError, settings


@click.command()
def champion() -> None:
    """Say which model decides, since when and why, and how its challengers compare with it.

    Another is promoted by a run of the job promote, with a reason: in the Dagster UI, or by `dagster job launch`.
    """
    from creditrisk_assets.models.registry.standing import standing, told
    from creditrisk_assets.resources.delta import Lake, LakeError
    from creditrisk_assets.scores.policy import PolicyError

    try:
        values = settings()
        click.echo(told(standing(Lake(values.lake), values)))
    except (OSError, SettingsError, LakeError, PolicyError) as error:
        raise click.ClickException(str(error)) from error
