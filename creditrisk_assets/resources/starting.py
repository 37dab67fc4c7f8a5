"""What must be true of the stores before the platform starts. No Dagster here."""

import logging

from creditrisk_assets.resources.conditional_puts import proven
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.resources.errors import ObjectStoreError
from creditrisk_assets.resources.objects import S3

LOG = logging.getLogger(__name__)


def stores(values: Settings) -> dict[str, str]:
    """Where the platform writes: lake, and archive where there is one."""
    return {"lake": values.lake} | ({} if values.archive is None else {"archive": values.archive})


def told(root: str) -> str:
    """Prove the store of a root, and say how it stands; errors as `Lake.prove`."""
    proven(root)
    if not root.startswith(S3):
        return "a folder, which needs no proof"
    return "honours conditional puts: no writer can overwrite another's commit"


def refuse_unsafe_stores(values: Settings) -> None:
    """UnsafeStoreError, at the start of a process that writes, when a store could lose a commit.

    One that does not answer now proves nothing: whoever writes asks it again.
    """
    for name, root in stores(values).items():
        try:
            proven(root)
        except ObjectStoreError as error:
            LOG.warning("the store of the %s is not proven yet, for it does not answer: %s", name, error)
