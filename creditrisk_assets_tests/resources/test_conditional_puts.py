"""A store that could lose a commit is refused wherever the platform begins, with the remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from creditrisk_assets.cli import main
from creditrisk_assets.resources import conditional_puts, starting
from creditrisk_assets.resources.conditional_puts import PROOF, prove, proven
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.errors import ObjectStoreError, UnsafeStoreError
from creditrisk_assets.resources.objects import QUICK, Objects
from creditrisk_assets.streaming.events import Events
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.resources.books import JANUARY, LOANS, loans
from creditrisk_assets_tests.resources.stores import Proxy, S3Server, proxy_before
from creditrisk_assets_tests.streaming.test_stream_tables import span, take

REMEDY = r"it must answer 412.* Keep the lake and the archive on a store that honours conditional puts"


@pytest.fixture(autouse=True)
def nothing_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional_puts, "_proven", set())


def test_a_store_that_honours_the_condition_is_asked_twice_then_once_and_keeps_one_object(s3: S3Server) -> None:
    bucket = s3.bucket()
    with proxy_before(s3, ignores=False) as proxy:
        store = Objects(f"{bucket}/lake", {"endpoint": proxy.endpoint})
        for count in (2, 3):
            prove(store)
            assert len(proxy.puts()) == count
    assert [one.name for one in Objects(bucket).listed("lake")] == [f"lake/{PROOF}"]


def test_a_store_is_proven_once_a_process(s3: S3Server) -> None:
    root = f"{s3.bucket()}/lake"
    with proxy_before(s3, ignores=False) as proxy:
        for _ in range(3):
            proven(root, {"endpoint": proxy.endpoint})
        assert len(proxy.seen) == 2


def test_a_store_that_ignores_the_condition_is_refused_with_what_was_found_and_the_remedy(forgetful: Proxy) -> None:
    bucket = forgetful.server.bucket()
    for _ in range(2):  # also where the object is there from before
        with pytest.raises(UnsafeStoreError, match=f"{bucket}/lake: the store took .* a second time.*{REMEDY}"):
            proven(f"{bucket}/lake")


def test_nobody_writes_to_a_store_that_ignores_the_condition(forgetful: Proxy) -> None:
    bucket = forgetful.server.bucket()
    lake = Lake(f"{bucket}/lake")
    with pytest.raises(LakeError, match=REMEDY):
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    with pytest.raises(LakeError, match=REMEDY):
        Events(lake, patience=5).create()
    with pytest.raises(LakeError, match=REMEDY):
        take(Events(lake, patience=5), span(0, 3))
    assert [one.name for one in Objects(bucket).listed("lake")] == [f"lake/{PROOF}"]


@pytest.mark.parametrize("variable", ["CREDITRISK_LAKE", "CREDITRISK_ARCHIVE"])
def test_the_platform_does_not_start_on_a_store_that_ignores_the_condition(forgetful: Proxy, variable: str) -> None:
    asked = {variable: f"{forgetful.server.bucket()}/data", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import creditrisk_assets.definitions"],
        capture_output=True, text=True, env=os.environ | asked, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "UnsafeStoreError: s3://bank-" in done.stderr
    assert "Keep the lake and the archive on a store that honours conditional puts" in done.stderr


def test_a_process_that_writes_starts_on_a_store_that_honours_the_condition(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", f"{bucket}/lake")
    starting.refuse_unsafe_stores(settings())
    assert [one.name for one in Objects(bucket).listed("lake")] == [f"lake/{PROOF}"]


def test_a_store_that_does_not_answer_at_the_start_is_asked_again_by_whoever_writes(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CREDITRISK_LAKE", "s3://bank/lake")
    monkeypatch.setattr(conditional_puts, "QUICK", QUICK / 20)
    starting.refuse_unsafe_stores(settings())
    assert "the store of the lake is not proven yet, for it does not answer: s3://bank/lake" in caplog.text
    with pytest.raises(ObjectStoreError, match="s3://bank/lake"):
        Lake("s3://bank/lake").prove()


def test_a_setting_that_switches_the_condition_off_is_refused_by_its_name(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    with pytest.raises(UnsafeStoreError, match=r"no conditional puts.* leave AWS_CONDITIONAL_PUT unset"):
        Lake(f"{bucket}/lake").prove()


def test_a_store_that_says_it_knows_no_condition_is_refused(s3: S3Server) -> None:
    with proxy_before(s3, ignores=False, conditional=501) as proxy, pytest.raises(UnsafeStoreError, match="code: 501"):
        prove(Objects(f"{s3.bucket()}/lake", {"endpoint": proxy.endpoint}, QUICK / 20))


def test_a_folder_needs_no_proof(tmp_path: Path) -> None:
    Lake(str(tmp_path)).prove()
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_the_stores_stand(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", f"{bucket}/lake")
    monkeypatch.setenv("CREDITRISK_ARCHIVE", str(tmp_path))
    done = CliRunner().invoke(main, ["lake", "check"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"lake {bucket}/lake: honours conditional puts: no writer can overwrite another's commit",
        f"archive {tmp_path}: a folder, which needs no proof",
    ]


def test_the_command_fails_on_a_store_that_ignores_the_condition(
    forgetful: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", f"{forgetful.server.bucket()}/lake")
    done = CliRunner().invoke(main, ["lake", "check"])
    assert done.exit_code == 1
    assert "it must answer 412" in done.output
