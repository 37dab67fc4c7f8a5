"""Where archives are kept in the tests: a folder, and a bucket."""

from pathlib import Path

import pytest

from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets_tests.archive.days import Clock, Kept
from creditrisk_assets_tests.archive.days import kept as in_folder


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """An empty lake and archive, in a folder."""
    return in_folder(tmp_path)


@pytest.fixture(params=["folder", "bucket"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """The same in a folder and on S3."""
    if request.param == "folder":
        return in_folder(tmp_path)
    bucket: str = request.getfixturevalue("bucket")
    return Kept(Lake(f"{bucket}/lake"), Archive(Objects(f"{bucket}/archive")), Clock())
