"""Compose itself reads the file, without an engine."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from creditrisk_assets_tests.deploy.compose_file import CORE, DEPLOY, GIVEN, SECRETS, rendered, services


def test_compose_accepts_the_file_and_finds_everything_it_names(tmp_path: Path) -> None:
    done = rendered(tmp_path, "--profile", "*", **GIVEN)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert set(document["services"]) == set(services())
    for service in document["services"].values():
        for mount in service.get("volumes", ()):
            if mount["type"] == "bind":
                assert Path(mount["source"]).exists(), mount
    assert document["networks"]["outside"]["internal"] is True


def test_without_a_profile_the_core_is_rendered(tmp_path: Path) -> None:
    assert set(json.loads(rendered(tmp_path, **GIVEN).stdout)["services"]) == CORE


@pytest.mark.parametrize("name", SECRETS)
def test_without_a_secret_nothing_starts_and_the_message_names_it(tmp_path: Path, name: str) -> None:
    done = rendered(tmp_path, **{one: value for one, value in GIVEN.items() if one != name})
    assert done.returncode != 0
    assert f"variable {name} is missing a value" in done.stderr
    assert ".env" in done.stderr


def test_a_secret_reaches_only_those_who_need_it(tmp_path: Path) -> None:
    found = json.loads(rendered(tmp_path, "--profile", "*", **GIVEN).stdout)["services"]
    holders = {
        name: {service for service, one in found.items() if value in json.dumps(one)} for name, value in GIVEN.items()
    }
    lake = {"code", "dashboard", "api", "exporter", "store"}
    assert holders == {
        "POSTGRES_PASSWORD": {"postgres"},
        "DAGSTER_POSTGRES_PASSWORD": {"postgres", "migrate", "code", "webserver", "webserver-read-only", "daemon"},
        "CREDITRISK_POSTGRES_OWNER_PASSWORD": {"postgres", "migrate"},
        "CREDITRISK_POSTGRES_WRITER_PASSWORD": {"migrate", "code"},
        "CREDITRISK_POSTGRES_READER_PASSWORD": {"migrate", "exporter"},
        "CREDITRISK_POSTGRES_OFFICER_PASSWORD": {"migrate", "dashboard"},
        "CREDITRISK_API_KEYS": {"api"},
        "AWS_ACCESS_KEY_ID": lake,
        "AWS_SECRET_ACCESS_KEY": lake,
        "GRAFANA_ADMIN_PASSWORD": {"grafana"},
        "OIDC_METADATA_URL": {"gateway"},
        "OIDC_CLIENT_SECRET": {"gateway"},
        "OIDC_COOKIE_PASSPHRASE": {"gateway"},
    }


def test_secrets_are_written_once_for_their_owner_alone_and_suffice(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    script = [str(DEPLOY / "secrets.sh"), str(target)]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    written = dict(line.split("=", 1) for line in target.read_text().splitlines())
    assert set(written) == set(SECRETS)
    assert len(set(written.values())) == len(SECRETS)
    assert "crk_" in done.stdout
    assert "crk_" not in target.read_text()
    again = subprocess.run(script, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "is there already" in again.stderr
    assert rendered(tmp_path, **written).returncode == 0


def test_the_key_that_was_shown_is_the_one_whose_digest_was_kept(tmp_path: Path) -> None:
    from creditrisk_assets.serving.api.keys import Keys

    target = tmp_path / ".env"
    shown = subprocess.check_output([str(DEPLOY / "secrets.sh"), str(target)], text=True, env=dict(os.environ))
    written = dict(line.split("=", 1) for line in target.read_text().splitlines())
    name, _, kept = written["CREDITRISK_API_KEYS"].partition(":")
    assert Keys(((name, kept),)).holder(shown.split()[-1]) == "first"
