"""`creditrisk exporter` as people run it: it says where it listens, answers, and ends when asked."""

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

from creditrisk_assets_tests.commands import BIN, command, environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.streaming.brokers import free_ports

NOWHERE = {"CREDITRISK_KAFKA_BOOTSTRAP": "127.0.0.1:9", "CREDITRISK_DAGSTER_URL": "http://127.0.0.1:9"}


def test_it_answers_while_every_source_is_down_and_leaves_at_once_when_told_to(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(BIN / "creditrisk"), "exporter", "--port", "0"], cwd=PROJECT, env=environment(tmp_path, **NOWHERE),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said.startswith("Metrics: http://127.0.0.1:"), said
        text = urllib.request.urlopen(said.split()[-1], timeout=60).read().decode()
    finally:
        os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    for source in ("postgres", "lake", "kafka", "dagster"):
        assert f'creditrisk_source_up{{source="{source}"}} 0.0' in text
        assert f"{source} cannot be read: " in errors
    assert process.returncode == 0


def test_a_port_that_is_taken_and_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = command("creditrisk", "exporter", "--port", port, data=tmp_path, CREDITRISK_KAFKA_BOOTSTRAP="nowhere")
    assert done.returncode == 1
    assert "CREDITRISK_KAFKA_BOOTSTRAP: 'nowhere' is no broker" in done.stderr
    with subprocess.Popen(
        [str(BIN / "creditrisk"), "exporter", "--port", "0"], cwd=PROJECT, env=environment(tmp_path, **NOWHERE),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        taken = process.stdout.readline().split(":")[-1].partition("/")[0]
        again = command("creditrisk", "exporter", "--port", taken, data=tmp_path, **NOWHERE)
        os.kill(process.pid, signal.SIGTERM)
    assert again.returncode == 1
    assert "Address already in use" in again.stderr
