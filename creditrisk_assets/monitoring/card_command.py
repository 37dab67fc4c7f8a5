"""`creditrisk model-card`: read what a posterior is for, made of, and worth."""

from datetime import date

import click

from creditrisk_assets.contracts import FEATURE_SETS
from creditrisk_assets.options import MONTH
from creditrisk_assets.resources.environments import SettingsError, settings


@click.command("model-card")
@click.option("--model-date", type=MONTH, required=True, help="As-of date of the posterior, as 2011-01.")
@click.option("--features", type=click.Choice(FEATURE_SETS), default=FEATURE_SETS[0], show_default=True)
@click.option("--html", is_flag=True, help="Print the HTML file, with its plots, instead of Markdown.")
def model_card(model_date: date, features: str, html: bool) -> None:
    """Print the card of a posterior, as monitoring/model_cards holds it.

    Says on the error stream when the card describes an older posterior than the one in the lake.
    """
    from creditrisk_assets.models.registry.record import Model
    from creditrisk_assets.monitoring.card_check import problems
    from creditrisk_assets.monitoring.model_card import NoCardError, kept_card
    from creditrisk_assets.resources.delta import Lake, LakeError

    try:
        lake, model = Lake(settings().lake), Model(features, model_date)
        row = kept_card(lake, model)
        wrong = problems(lake, [model_date])
    except (OSError, SettingsError, LakeError, NoCardError) as error:
        raise click.ClickException(str(error)) from error
    for name, said in wrong.items():
        if name.startswith(f"posterior {model}"):
            click.echo(f"Warning: {name}: {said}", err=True)
    click.echo(row["html" if html else "markdown"])
