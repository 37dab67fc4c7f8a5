"""Where Apache Kafka cannot be had its tests skip and say so, except where it is required."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk_assets_tests.streaming import apache_kafka
from creditrisk_assets_tests.streaming.running import apache_kafka_in


@pytest.fixture(autouse=True)
def nothing_found_before() -> Iterator[None]:
    """The class path is looked up once; these tests look it up anew, and leave nothing behind."""
    apache_kafka.class_path.cache_clear()
    yield
    apache_kafka.class_path.cache_clear()


def test_without_java_its_tests_skip_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDITRISK_REQUIRE_KAFKA", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="needs Apache Kafka, and java is not installed"):
        apache_kafka_in(tmp_path)


def test_where_it_is_required_its_absence_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_REQUIRE_KAFKA", "1")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/it")

    def unreachable(output: Path, options: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(options, 1, "Could not transfer artifact", "")

    monkeypatch.setattr(apache_kafka, "_maven", unreachable)
    with pytest.raises(pytest.fail.Exception, match="Maven cannot provide it: Could not transfer artifact"):
        apache_kafka_in(tmp_path)
