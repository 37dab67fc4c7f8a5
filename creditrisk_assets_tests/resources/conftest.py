"""A lake of its own for every test."""

from pathlib import Path

import pytest

from creditrisk_assets.resources.delta import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
