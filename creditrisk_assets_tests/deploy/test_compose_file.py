"""Every container of Compose is as closed as it can be, says when it is well, and holds no secret in the file."""

import re
from typing import Any

import pytest
import yaml

from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.deploy.compose_file import CORE, DEPLOY, FILE, ONE_SHOTS, SECRETS, services

NAMES = sorted(services())
VARIABLE = re.compile(r"\$\{([A-Z_]+)")
SET_BY_COMPOSE = {"LAKE", "LANDING"}
OF_SOME = {
    "postgres_url", "dagster_url", "dagster_link", "api_keys", "alert_urls", "alert_reminder_hours", "viewer_groups",
    "officer_groups", "dashboard_officer", "executor",
}  # fmt: skip
"""Settings that only some services are told."""


def environment(name: str) -> dict[str, Any]:
    found: dict[str, Any] = services()[name].get("environment") or {}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_container_is_not_root_and_can_neither_write_nor_gain_rights(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert str(service["user"]).split(":")[0] not in ("", "0", "root")
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", NAMES)
def test_memory_and_processes_are_limited_and_logs_do_not_fill_the_disk(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"(\$\{CODE_MEMORY:-)?\d+[mg]\}?", service["mem_limit"])
    assert service["pids_limit"] == 512
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    for mount in service.get("tmpfs", ()):
        assert re.match(r"/[a-z/]+:size=\d+[mg]", mount), mount


@pytest.mark.parametrize("name", NAMES)
def test_a_container_says_when_it_is_well_unless_it_ends_by_itself(name: str) -> None:
    service = services()[name]
    if name in ONE_SHOTS:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_a_version_and_can_be_replaced(name: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/-]+:v?\d+\.[a-z\d.-]+\}", services()[name]["image"])


@pytest.mark.parametrize("name", NAMES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    for port in services()[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+", port), port


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_required_and_never_stands_in_the_file(name: str) -> None:
    for variable, value in environment(name).items():
        used = VARIABLE.findall(str(value))
        for secret in set(used) & set(SECRETS):
            assert f"${{{secret}:?" in value, f"{variable} has a default"
        if re.search("PASSWORD|SECRET|KEY|PASSPHRASE|TOKEN", variable) and value is not None:
            assert used and str(value).startswith("${"), f"{variable} is {value}"
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), f"{variable} holds a password"


def test_without_a_profile_the_core_is_started_and_profiles_add_the_rest() -> None:
    profiles = {name: service.get("profiles") for name, service in services().items()}
    assert {name for name, named in profiles.items() if named is None} == CORE
    assert {name: named for name, named in profiles.items() if named is not None} == {
        "producer": ["producer"],
        "store": ["store"],
        "buckets": ["store"],
        "prometheus": ["metrics"],
        "grafana": ["metrics"],
        "gateway": ["gateway"],
    }


def test_only_webservers_daemon_and_askers_reach_the_code_server_and_the_data_has_no_way_out() -> None:
    document = yaml.safe_load(FILE.read_text())
    assert {name for name, one in document["networks"].items() if one.get("internal") is True} == {
        "data", "dagster", "doors"
    }  # fmt: skip
    assert document["networks"]["published"]["driver_opts"] == {
        "com.docker.network.bridge.enable_ip_masquerade": "false"
    }
    assert document["networks"]["outside"] == {"internal": "${CREDITRISK_CLOSED:-true}"}
    reached = {name for name, service in services().items() if "dagster" in service["networks"]}
    assert reached == {"code", "webserver", "webserver-read-only", "daemon"}
    published = {name for name, service in services().items() if service.get("ports")}
    assert published == {name for name, service in services().items() if "published" in service["networks"]}
    assert not published & {"postgres", "kafka", "store", "code", "daemon"}


def test_each_service_logs_in_to_postgresql_with_no_more_rights_than_it_needs() -> None:
    logins = {
        name: environment(name)["CREDITRISK_POSTGRES_URL"].partition("@")[0].rpartition("/")[2]
        for name in services()
        if "CREDITRISK_POSTGRES_URL" in environment(name)
    }
    assert logins == {
        "migrate": "creditrisk",
        "code": "creditrisk_writer",
        "dashboard": "creditrisk_officer",
        "exporter": "creditrisk_reader",
    }
    assert {name for name in services() if "DAGSTER_POSTGRES_USER" in environment(name)} == {
        "migrate", "code", "webserver", "webserver-read-only", "daemon"
    }  # fmt: skip


def test_whoever_only_reads_mounts_the_data_read_only() -> None:
    mounts = {name: volume for name, one in services().items() for volume in one.get("volumes", ())
              if str(volume).startswith("data:")}  # fmt: skip
    assert mounts == {"code": "data:/data", **dict.fromkeys(("dashboard", "api", "exporter"), "data:/data:ro")}


def test_the_code_server_can_be_told_every_setting() -> None:
    told = {name for name in environment("code") if name.startswith("CREDITRISK_")}
    # What only Kafka with certificates needs is mounted with them; passwords of roles are for `migrate`.
    elsewhere = {name for name in Settings.model_fields if name.startswith("kafka_ssl") or name.endswith("er_password")}
    elsewhere |= {name for name in Settings.model_fields if name in OF_SOME}
    assert {f"CREDITRISK_{name.upper()}" for name in Settings.model_fields if name not in elsewhere} <= told


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    example = (DEPLOY / ".env.example").read_text()
    for name in set(VARIABLE.findall(FILE.read_text())):
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name
    for name in SECRETS:
        assert re.search(rf"^{name}=$", example, re.MULTILINE), name
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", example, re.MULTILINE))
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^{}$]*)\}", FILE.read_text()))
    assert {name: shown[name] for name in defaults} == defaults
