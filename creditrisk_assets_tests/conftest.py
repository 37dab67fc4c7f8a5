import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from creditrisk_assets.resources import environments
from creditrisk_assets_tests.needed import lacking

if TYPE_CHECKING:
    from creditrisk_assets.simulation.book import SimulatedBook
    from creditrisk_assets_tests.world import World

pytest_plugins = [
    f"creditrisk_assets_tests.{part}"
    for part in ("serving.databases", "streaming.running", "dashboard.browsing", "resources.stores")
]

PROJECT = Path(__file__).parent.parent
OURS = (
    "CREDITRISK_SHARED",
    "CREDITRISK_SOAK_KILLS",
    *(f"CREDITRISK_REQUIRE_{it}" for it in ("SHARED", "KAFKA", "BROWSER", "PROMETHEUS", "GATEWAY", "COMPOSE")),
)

# Neither the caller's settings nor the book of a demo reach the tests; partitions are read once, at import.
environments.Settings.model_config["env_file"] = ()
for name in [name for name in os.environ if name.startswith("CREDITRISK_") and name not in OURS]:
    del os.environ[name]


# A busy machine is no failure: properties are about results, not seconds.
hypothesis_settings.register_profile("platform", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("platform")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real loan files, which are kept outside the project."""
    folder = Path(os.environ.get("CREDITRISK_SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.is_dir():
        lacking("SHARED", "needs ../shared/data, the real loan files kept outside the project")
    return folder


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> "SimulatedBook":
    """A small simulated book, the same for all test processes."""
    from creditrisk_assets_tests.world import made_once, simulated

    folder = made_once(tmp_path_factory, "book", lambda folder: _kept(folder, simulated(folder / "files")))
    return pickle.loads((folder / "book.pickle").read_bytes())  # type: ignore[no-any-return]


def _kept(folder: Path, made: object) -> None:
    (folder / "book.pickle").write_bytes(pickle.dumps(made))


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, book: "SimulatedBook") -> "World":
    """A lake with raw and features of the whole book: to be read, or copied."""
    from creditrisk_assets_tests.world import FIRST, LAST, World, made_once

    def make(folder: Path) -> None:
        World(folder, str(book.file)).run("group:raw or group:features", FIRST, LAST)

    return World(made_once(tmp_path_factory, "ingested", make), str(book.file))


@pytest.fixture(scope="session")
def batched(tmp_path_factory: pytest.TempPathFactory, book: "SimulatedBook") -> "World":
    """A lake after the batch job, with the history of its runs in `history`: to be read, or copied."""
    import dagster as dg

    from creditrisk_assets_tests.world import World, made_once

    def make(folder: Path) -> None:
        (folder / "history").mkdir()
        with dg.DagsterInstance.local_temp(str(folder / "history")) as instance:
            World(folder, str(book.file)).definitions.resolve_job_def("batch").execute_in_process(instance=instance)

    return World(made_once(tmp_path_factory, "batched", make), str(book.file))
