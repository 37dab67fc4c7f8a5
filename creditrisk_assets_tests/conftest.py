import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real loan files, which are kept outside the project."""
    folder = Path(os.environ.get("CREDITRISK_SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.is_dir():
        told = "needs ../shared/data, the real loan files kept outside the project"
        if os.environ.get("CREDITRISK_REQUIRE_SHARED") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return folder
