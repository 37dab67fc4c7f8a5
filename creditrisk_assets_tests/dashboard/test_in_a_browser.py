"""The dashboard as people use it: a real browser, the real application, a lake that was really materialised."""

from collections.abc import Iterator

import pytest

from creditrisk_assets_tests.dashboard.browsing import Served, Visiting, serve
from creditrisk_assets_tests.world import World

PAGES = ("", "vintages", "watch_list", "applicant", "model_health", "pipeline")


@pytest.fixture(scope="module")
def served(batched: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The dashboard over the lake after a batch, without PostgreSQL."""
    yield from serve(tmp_path_factory.mktemp("dashboard"), CREDITRISK_LAKE=batched.lake.root)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light")]
)
def test_every_page_fits_its_screen_in_both_themes(
    served: Served, visiting: Visiting, path: str, width: int, height: int, scheme: str
) -> None:
    visitor = visiting(served.root, width, height, scheme)
    visitor.open(path)
    visitor.shoot(f"{path or 'overview'}_{scheme}_{width}")
    assert visitor.sideways <= 0
    assert "Traceback" not in visitor.text()
