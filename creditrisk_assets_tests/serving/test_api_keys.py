"""Who may ask the API: holders of a key, and this machine where there are none."""

import re

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from creditrisk_assets.cli import main
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving.api.keys import Keys, OpenApiError, digest, keys, new_key, refuse_open
from creditrisk_assets_tests.serving.asked import asking, sent, settings

KEY, OTHER = new_key(), new_key()
KNOWN = Keys((("portal", digest(KEY)), ("branch", digest(OTHER))))
ASKED = [("POST", "/v1/score"), ("POST", "/v1/score/batch"), ("GET", "/v1/loans/1"), ("GET", "/v1/model")]
OPEN = ["/healthz", "/readyz", "/metrics", "/openapi.json"]


@pytest.mark.parametrize(
    "key",
    [None, "", "crk_", KEY[:-1], KEY + "x", digest(KEY), f"portal:{digest(KEY)}", "\xfc"],
    ids=["none", "empty", "prefix", "shorter", "longer", "digest", "entry", "not-ascii"],
)
def test_nobody_is_served_without_a_key_that_is_known(api_lake: Lake, key: str | None) -> None:
    headers = {} if key is None else {"X-API-Key": key.encode("latin-1")}
    with asking(api_lake, KNOWN) as client:
        for method, path in ASKED:
            found = client.request(method, path, headers=headers, json=sent() if method == "POST" else None)  # type: ignore[arg-type]
            assert found.status_code == 401
            assert found.json()["detail"] == "Send a key that the API knows in the header X-API-Key."
        for path in OPEN:
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("key", [KEY, OTHER], ids=["first", "other"])
def test_holders_of_a_key_are_served(api_lake: Lake, key: str) -> None:
    with asking(api_lake, KNOWN) as client:
        assert client.post("/v1/score", headers={"X-API-Key": key}, json=sent()).status_code == 200
        assert client.get("/v1/model", headers={"X-API-Key": key}).status_code == 200


def test_a_body_is_not_read_before_the_key_is(api_lake: Lake) -> None:
    with asking(api_lake, KNOWN) as client:
        assert client.post("/v1/score", content=b" " * 100_000).status_code == 401


def test_a_key_is_known_by_its_holder_and_digest_alone() -> None:
    assert (KNOWN.holder(KEY), KNOWN.holder(OTHER), KNOWN.holder("no")) == ("portal", "branch", None)
    assert KEY not in repr(KNOWN)
    assert len({new_key() for _ in range(100)}) == 100
    assert keys(settings(api_keys=SecretStr(f" portal:{digest(KEY)}, branch:{digest(OTHER)},"))) == KNOWN
    assert not keys(settings())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KEY, "entry 1 of 1 is not a name and a digest"),
        (f"portal:{digest(KEY)},branch:{KEY}", "entry 2 of 2 is not a name and a digest"),
        (f"a b:{digest(KEY)}", "entry 1 of 1"),
        (f"portal:{digest(KEY)},portal:{digest(OTHER)}", "a name stands there twice"),
    ],
    ids=["bare-key", "second-is-a-key", "name-with-a-space", "twice"],
)
def test_keys_that_cannot_be_used_are_told_without_repeating_them(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match="CREDITRISK_API_KEYS") as error:
        keys(settings(api_keys=SecretStr(text)))
    assert told in str(error.value)
    assert KEY not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "api.example.org"])
def test_without_keys_other_machines_are_not_listened_to(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OpenApiError, match="creditrisk api key NAME"):
        refuse_open(host, Keys())
    refuse_open(host, KNOWN)
    found = CliRunner().invoke(main, ["api", "--host", host])
    assert found.exit_code == 1
    assert found.output.startswith(f"Error: {host} can be reached from other machines")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_none(host: str) -> None:
    assert refuse_open(host, Keys()) is None  # type: ignore[func-returns-value]


def test_a_key_is_shown_once_beside_the_digest_to_configure() -> None:
    first, second = CliRunner().invoke(main, ["api", "key", "portal"]).output.splitlines()
    key = first.rpartition(" ")[2]
    assert re.fullmatch(r"crk_[\w-]{43}", key)
    entry = second.rpartition(" ")[2]
    assert keys(settings(api_keys=SecretStr(entry))).holder(key) == "portal"
    assert "cannot name a key" in CliRunner().invoke(main, ["api", "key", "a:b"]).output
