"""`creditrisk alerts`: try whom alerts reach."""

import click

from creditrisk_assets.resources.environments import SettingsError, settings


@click.group()
def alerts() -> None:
    """Alerts of failed checks, failed runs and stalled sensors."""


@alerts.command()
def test() -> None:
    """Send a test message to every channel of CREDITRISK_ALERT_URLS."""
    import time

    from creditrisk_assets.monitoring.channels import VARIABLE, channels, send_to_all
    from creditrisk_assets.monitoring.outbox import Outbox

    try:
        values = settings()
        found = channels(values)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if not found:
        raise click.ClickException(f"nobody is told: set {VARIABLE} to one or more Apprise URLs, comma-separated")
    body = f"This is a test. Alerts of this platform reach you here.\n{values.dagster_link or values.dagster_url}"
    message = Outbox().put("Credit risk: test", body, good=True, now=time.time(), channels=len(found))
    refused = send_to_all(found, message)
    if refused:
        places = ", ".join(str(number) for number in refused)
        raise click.ClickException(
            f"{VARIABLE}: URL {places} of {len(found)} did not take the message: is the host up, the password right?"
        )
    click.echo(f"{len(found)} of {len(found)} channels took the test message.")
