"""What the tests of a cluster share: the installation, and a way to its Dagster."""

import os
from collections.abc import Iterator

import pytest

from deploy.e2e.cluster import Dagster, forwarded
from deploy.e2e.installed import exists, install, remove

KEEP = os.environ.get("CREDITRISK_E2E_KEEP") == "1"


@pytest.fixture(scope="session")
def installed() -> Iterator[None]:
    """Everything up on the cluster of KUBECONFIG; removed in the end."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("needs a cluster that may be written to: set KUBECONFIG, and CREDITRISK_IMAGE to an image it has")
    there = exists()
    if there and not KEEP:
        pytest.fail("the namespace creditrisk exists: CREDITRISK_E2E_KEEP=1 uses and keeps it, or delete it first")
    if not there:
        install()
    yield
    if not KEEP:
        remove()


@pytest.fixture(scope="session")
def dagster(installed: None) -> Iterator[Dagster]:
    """The Dagster of the cluster."""
    with forwarded("dagster-webserver", 3000) as url:
        yield Dagster(url)
