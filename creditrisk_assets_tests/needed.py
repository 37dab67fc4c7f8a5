"""What a test needs and this machine may lack: skipped with its reason, or failed where it must not be lacking."""

import os
from typing import NoReturn

import pytest


def lacking(what: str, told: str) -> NoReturn:
    """Skip, or fail when CREDITRISK_REQUIRE_`what` is 1, as it is in .ci/run."""
    if os.environ.get(f"CREDITRISK_REQUIRE_{what}") == "1":
        pytest.fail(told)
    pytest.skip(told)
