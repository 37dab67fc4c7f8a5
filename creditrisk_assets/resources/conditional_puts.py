"""Proof that a store puts an object only where there is none, on which every Delta commit rests. No Dagster here.

A Delta commit is one put under the next number that must fail where another writer was faster. A store that ignores
the condition (`If-None-Match: *`) lets the later writer replace the commit of the first, which nobody notices.
"""

import os
import re
from collections.abc import Mapping

from creditrisk_assets.resources.errors import ObjectStoreError, UnsafeStoreError
from creditrisk_assets.resources.objects import QUICK, S3, Objects, said

PROOF = "conditional-put.proof"
SAYS = b"The platform puts this object twice, only where there is none: the store must refuse the second with 412.\n"
REMEDY = (
    "Keep the lake and the archive on a store that honours conditional puts (AWS S3, Ceph RGW 16 or later, MinIO of "
    "August 2024 or later), let no proxy before it drop the header If-None-Match, and leave AWS_CONDITIONAL_PUT unset"
)
UNKNOWN = re.compile(r"NotImplemented|status code: 501")
"""How a store says that it knows no such condition."""
_proven: set[int] = set()


def prove(objects: Objects) -> None:
    """Put one object twice, only where there is none; UnsafeStoreError unless the store refuses the second.

    The object stays, so that later proofs take one request, and need no permission to delete.
    ObjectStoreError when the store does not answer, which proves nothing.
    """
    try:
        if objects.create(PROOF, SAYS) and objects.create(PROOF, SAYS):
            raise UnsafeStoreError(
                f"{objects.base}: the store took the object {PROOF} a second time, though it was asked to put it only "
                f"where there is none (If-None-Match: *); it must answer 412. Writers would overwrite each other's "
                f"commits without an error. {REMEDY}"
            )
    except (ObjectStoreError, NotImplementedError) as error:
        if not (isinstance(error, NotImplementedError) or UNKNOWN.search(str(error))):
            raise
        raise UnsafeStoreError(f"{objects.base}: there are no conditional puts ({said(error)}). {REMEDY}") from error


def proven(root: str, options: Mapping[str, str] | None = None) -> None:
    """Prove the store of a root, once a process; a folder needs no proof. Errors as `prove`."""
    if not root.startswith(S3):
        return
    given = options or {}
    environment = tuple(f"{name}={value}" for name, value in os.environ.items() if name.startswith("AWS_"))
    key = hash((root.rstrip("/"), *sorted(f"{name}={value}" for name, value in given.items()), *sorted(environment)))
    if key in _proven:
        return
    prove(Objects(root, given, QUICK))
    _proven.add(key)
