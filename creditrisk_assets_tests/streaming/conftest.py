"""Platforms for the tests of the hot path: a lake with models of their own, and a broker with empty topics."""

from dataclasses import replace
from pathlib import Path

import pytest

from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker
from creditrisk_assets_tests.streaming.flowing import Platform, renewed_topics, with_behaviour
from creditrisk_assets_tests.world import World


@pytest.fixture
def platform(batched: World, development: DevelopmentBroker, tmp_path: Path) -> Platform:
    """All that the stream needs but PostgreSQL."""
    development.ensure()
    renewed_topics(development)
    return Platform(with_behaviour(batched.copy(tmp_path).lake), development)


@pytest.fixture
def served(platform: Platform, postgres: Database) -> Platform:
    """The same with PostgreSQL."""
    return replace(platform, database=postgres)
