"""Files beside the tables, and what S3 needs; nothing here opens a connection."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake.exceptions import TableNotFoundError
from polars.testing import assert_frame_equal

from creditrisk_assets.resources import commit, delta
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import s3_options
from creditrisk_assets_tests.resources.books import JANUARY, LOANS, loans

BUCKET = "s3://bank/lake/"
OPTIONS = {
    "region": "eu-west-1",
    "endpoint": "http://store:9000",
    "access_key_id": "key",
    "secret_access_key": "secret",
    "allow_http": "True",
}


def test_bytes_come_back_as_they_were_put_and_leave_nothing_else(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for data in (b"old", b"\x89HDF\x00new"):
        address = lake.put_bytes("models/posterior/2016-01-01.nc", data)
    assert lake.get_bytes("models/posterior/2016-01-01.nc") == b"\x89HDF\x00new"
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == [address]


def test_a_missing_artifact_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.nc"):
        Lake(str(tmp_path)).get_bytes("nothing.nc")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../outside", "models/../../outside"])
def test_an_artifact_stays_inside_the_lake(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="relative to the lake"):
        Lake(str(tmp_path)).put_bytes(name, b"")


def test_artifacts_never_lie_in_a_table_where_a_vacuum_would_delete_them(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    address = lake.put_bytes("raw/loans/note.txt", b"note")
    assert not address.startswith(lake.uri(LOANS))


def test_the_configuration_classes_of_dagster_deltalake_become_storage_options() -> None:
    from dagster_deltalake.config import ClientConfig, S3Config

    s3 = S3Config(
        region="eu-west-1", endpoint="http://store:9000", access_key_id="key", secret_access_key="secret", bucket="bank"
    )
    assert s3_options(s3, ClientConfig(allow_http=True)) == OPTIONS


def test_tables_on_s3_are_addressed_by_bucket_and_key_with_the_given_options(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, object]] = []
    written: list[tuple[str, object]] = []

    def refuse(uri: str, *, version: int | None, storage_options: object) -> None:
        opened.append((uri, storage_options))
        raise TableNotFoundError(uri)

    def record(uri: str, _: pl.DataFrame, **options: object) -> None:
        written.append((uri, options["storage_options"]))
        raise ConnectionAbortedError

    monkeypatch.setattr(commit, "DeltaTable", refuse)
    monkeypatch.setattr(commit, "write_deltalake", record)
    monkeypatch.setattr(Lake, "prove", lambda self: None)  # there is no such store
    lake = Lake(BUCKET, OPTIONS)
    with pytest.raises(delta.LakeError, match="does not exist at s3://bank/lake/raw/loans"):
        lake.scan(LOANS)
    with pytest.raises(ConnectionAbortedError):
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert opened == [("s3://bank/lake/raw/loans", OPTIONS)] * 2
    assert written == [("s3://bank/lake/raw/loans", OPTIONS)]


def test_a_scan_hands_the_options_to_both_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    scan = pl.scan_delta

    def record(source: Any, *, storage_options: Any) -> pl.LazyFrame:
        given.extend((source._storage_options, storage_options))
        return scan(source, storage_options=storage_options)

    monkeypatch.setattr(pl, "scan_delta", record)
    lake = Lake(str(tmp_path), OPTIONS)
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert_frame_equal(lake.scan(LOANS).collect(), loans(JANUARY))
    assert given == [OPTIONS, OPTIONS]


def test_the_options_do_not_show_in_a_printed_lake() -> None:
    assert "secret" not in repr(Lake(BUCKET, OPTIONS))
