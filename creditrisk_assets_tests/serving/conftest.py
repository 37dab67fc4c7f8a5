from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.serving.measured import answering_dagster, measured  # noqa: F401
from creditrisk_assets_tests.serving.streamed_lake import streamed_lake  # noqa: F401

if TYPE_CHECKING:
    from starlette.testclient import TestClient


@pytest.fixture(scope="session")
def api_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with one small posterior, not to be written to."""
    from creditrisk_assets_tests.serving.asked import learned_lake
    from creditrisk_assets_tests.world import made_once

    home = made_once(tmp_path_factory, "api_lake", lambda folder: learned_lake(folder / "lake"))
    return Lake(str(home / "lake"))


@pytest.fixture
def own_lake(api_lake: Lake, tmp_path: Path) -> Lake:
    """A copy of it for one test."""
    import shutil

    return Lake(str(shutil.copytree(api_lake.root, tmp_path / "lake")))


@pytest.fixture(scope="module")
def client(api_lake: Lake) -> "Iterator[TestClient]":
    """The API over it, which asks for no key."""
    from creditrisk_assets_tests.serving.asked import asking

    with asking(api_lake) as client:
        yield client
