"""The archive as Dagster sees it: where it is, or that there is none."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from creditrisk_assets.archive.storage import Archive

UNSET = "CREDITRISK_ARCHIVE is not set: name a folder or s3://bucket/prefix to archive raw events and reports"


class ArchiveStore(dg.ConfigurableResource[None]):
    """The archive under `root`, a folder or `s3://bucket/prefix`; None where nothing is archived."""

    root: str | None = None
    storage_options: dict[str, str] = Field(default_factory=dict)

    @property
    def archive(self) -> "Archive":
        """The archive without Dagster; Failure, with the remedy, where there is none."""
        from creditrisk_assets.archive.storage import Archive
        from creditrisk_assets.resources.objects import Objects

        if self.root is None:
            raise dg.Failure(UNSET, allow_retries=False)
        return Archive(Objects(self.root, self.storage_options))
