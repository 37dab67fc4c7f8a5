"""A batch before anybody looked at it: models and scores, neither monitored, valued nor written up."""

import shutil
from pathlib import Path

from creditrisk_assets_tests.world import World


def unmonitored(batched: World, root: Path) -> World:
    """A copy of the batch without the tables of monitoring and portfolio, and without cards."""
    world = batched.copy(root)
    for folder in ("monitoring", "portfolio", "artifacts/model_cards"):
        shutil.rmtree(world.root / "lake" / folder, ignore_errors=True)
    return world
