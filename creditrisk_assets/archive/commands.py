"""`creditrisk archive`: what there is, whether it is whole, and bringing it back; every verb calls one function."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from creditrisk_assets.resources.environments import SettingsError, settings

if TYPE_CHECKING:
    from creditrisk_assets.archive.storage import Archive

DAY = click.DateTime(["%Y-%m-%d"])
FIRST = click.option("--from", "first", type=DAY, help="First ingest day.  [default: the first there is]")
LAST = click.option("--to", "last", type=DAY, help="Last ingest day.  [default: the last there is]")


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the archive, the lake and the settings as one line."""
    from creditrisk_assets.archive.errors import ArchiveError
    from creditrisk_assets.resources.delta import LakeError
    from creditrisk_assets.streaming.errors import StreamError

    try:
        yield
    except (OSError, SettingsError, LakeError, StreamError, ArchiveError) as error:
        raise click.ClickException(str(error)) from error


def _archive() -> "Archive":
    from creditrisk_assets.archive.storage import Archive
    from creditrisk_assets.resources.archive import UNSET
    from creditrisk_assets.resources.objects import Objects

    root = settings().archive
    if root is None:
        raise SettingsError(UNSET)
    return Archive(Objects(root))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


@click.group()
def archive() -> None:
    """Look after the archive that CREDITRISK_ARCHIVE names."""


@archive.command("list")
@FIRST
@LAST
def list_archive(first: datetime | None, last: datetime | None) -> None:
    """Show the archived days and reports."""
    from creditrisk_assets.archive.reports import GROUP
    from creditrisk_assets.archive.restoring import days

    with _told():
        store = _archive()
        groups = [*days(store, _day(first), _day(last)), GROUP]
        found = [(group, store.newest(group)) for group in groups]
    for group, manifest in found:
        if manifest is None:
            click.echo(f"{group}: nothing archived")
            continue
        reached = f", up to {manifest.reached:%H:%M:%S}" if manifest.reached is not None else ""
        click.echo(
            f"{group}: {manifest.rows:,} rows in {len(manifest.entries):,} objects of {manifest.bytes:,} bytes"
            f"{reached}; manifest {manifest.version} of {manifest.written_at:%Y-%m-%d %H:%M:%S}"
        )


@archive.command()
@FIRST
@LAST
def verify(first: datetime | None, last: datetime | None) -> None:
    """Read everything back, compare checksums, and name what is damaged; 1 is the exit code then."""
    from creditrisk_assets.archive.checking import faults_of
    from creditrisk_assets.archive.reports import GROUP
    from creditrisk_assets.archive.restoring import days

    with _told():
        store = _archive()
        groups = [*days(store, _day(first), _day(last)), GROUP]
        faults = list(faults_of(store, groups))
        left = [] if faults else [name for group in groups for name in store.orphans(group, store.newest(group))]
    for name in left:
        click.echo(f"{name}: listed by no manifest; a run died before it, and no reader sees it")
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.ClickException(f"{len(faults)} objects are damaged or missing")
    click.echo(f"{len(groups):,} groups, everything as it was archived")


@archive.command()
@click.option("--into", "root", required=True, help="Lake to restore into: a folder or s3://bucket/prefix.")
@FIRST
@LAST
def restore(root: str, first: datetime | None, last: datetime | None) -> None:
    """Restore raw/events into an empty lake; the stream goes on from where it stood then.

    Stop the stream before. A restore that was interrupted is run again: what is there already must be equal.
    """
    from creditrisk_assets.archive.restoring import restore as restored
    from creditrisk_assets.resources.delta import Lake

    with _told():
        for day in restored(_archive(), Lake(root), _day(first), _day(last)):
            held = f", {day.held:,} were there already" if day.held else ""
            click.echo(f"{day.day}: {day.rows:,} rows restored{held}")
