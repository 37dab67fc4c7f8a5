"""`creditrisk api`: answer until Ctrl-C, and make keys."""

import click

from creditrisk_assets.resources.environments import SettingsError, settings


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--port", type=click.IntRange(1, 65535), default=8600, show_default=True)
@click.pass_context
def api(context: click.Context, host: str, port: int) -> None:
    """Answer what applications would be scored as, until Ctrl-C.

    Other machines must send a key of CREDITRISK_API_KEYS; without keys it listens on this machine only.
    """
    if context.invoked_subcommand is None:
        _serve(host, port)


def _serve(host: str, port: int) -> None:
    import gc

    import uvicorn

    from creditrisk_assets.resources.delta import Lake, LakeError
    from creditrisk_assets.serving.api.app import create_app
    from creditrisk_assets.serving.api.keys import OpenApiError, keys, refuse_open

    try:
        values = settings()
        known = keys(values)
        refuse_open(host, known)
        # What is loaded by then stays: to look through it for garbage would hold requests up for a tenth of a second.
        app = create_app(Lake(values.lake), values, known, ready=gc.freeze)
    except (SettingsError, OpenApiError, LakeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The API listens on http://{host}:{port}; what it takes and answers: /openapi.json")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


@api.command()
@click.argument("name")
def key(name: str) -> None:
    """Make a key for NAME: shown once, the platform keeps its digest only."""
    import re

    from creditrisk_assets.serving.api.keys import NAME, VARIABLE, digest, new_key

    if not re.fullmatch(NAME, name):
        raise click.ClickException(
            f"{name!r} cannot name a key: use 1 to 64 letters, digits, dots, dashes, underscores"
        )
    made = new_key()
    click.echo(f"key, for whoever calls, shown this once: {made}")
    click.echo(f"add to {VARIABLE}: {name}:{digest(made)}")
