"""Files as a whole: found, unpacked, and refused with a remedy."""

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from written import loan, loans, read, text, values, write

from creditrisk_assets.raw.sources import SourceError, find_files, names_of

GOOD = text(loans(5))


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(path)
    assert str(caught.value).startswith(path.name)
    return str(caught.value)


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def test_the_packing_of_a_file_does_not_change_its_loans(tmp_path: Path) -> None:
    plain = values(read(write(tmp_path / "a.csv", GOOD)))
    packed = write(tmp_path / "a.csv.gz", gzip.compress(GOOD.encode()))
    misnamed = write(tmp_path / "b.csv", gzip.compress(GOOD.encode()))
    single = zipped(tmp_path / "a.zip", {"folder/a.CSV": GOOD, "__MACOSX/a.csv": "rubbish", "readme.txt": "no loans"})
    for path in (packed, misnamed, single):
        assert values(read(path)).equals(plain)


def test_each_csv_of_a_zip_is_a_source_of_its_own(tmp_path: Path) -> None:
    members = {"2014/a.csv": text(loans(2)), "2015/a.csv": text([loan(7), loan(8, dti="x")])}
    intake = read(zipped(tmp_path / "two.zip", members))
    assert intake.clean["file"].to_list() == ["two.zip/2014/a.csv"] * 2 + ["two.zip/2015/a.csv"]
    assert intake.quarantine.select("file", "line").rows() == [("two.zip/2015/a.csv", 3)]


@pytest.mark.parametrize("native", [True, False])
def test_parquet_gives_the_loans_of_the_same_csv(tmp_path: Path, native: bool) -> None:
    rows = [
        loan(number, id=str(1_077_501 + number), int_rate="10.65", revol_util="83.7", term="36") for number in range(5)
    ]
    path = write(tmp_path / "a.csv", text(rows))
    frame = pl.read_csv(path, infer_schema=native)
    if native:
        frame = frame.with_columns(pl.col("issue_d").str.to_date("%b-%Y"), pl.col("id").cast(pl.Float64))
        frame = frame.with_columns(
            pl.col("grade").cast(pl.Categorical), pl.col("last_pymnt_d").str.to_datetime("%b-%Y", strict=False)
        )
    frame = frame.with_columns(tags=[["unknown", "and nested"]] * 5, line=pl.lit("not ours"))
    frame.with_columns(last_pymnt_d=pl.lit("Aug-2017")).write_parquet(tmp_path / "a.parquet")
    from_parquet = read(tmp_path / "a.parquet")
    assert values(from_parquet).equals(values(read(path)))
    assert from_parquet.unknown_columns == ("line", "tags")
    assert from_parquet.clean["loan_id"].to_list() == [str(1_077_501 + number) for number in range(5)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\n \n\r\n", "the file is empty"),
        (b"\x1f\x8b rubbish", "damaged or truncated gzip"),
        (gzip.compress(GOOD.encode())[:-20], "damaged or truncated gzip"),
        (b"PK\x03\x04 rubbish", "damaged zip"),
        (b"PAR1 rubbish", "damaged parquet"),
        (GOOD.encode("utf-16"), "is not UTF-8 text (UTF-16 or binary)"),
        (GOOD.encode("utf-16-le"), "is not UTF-8 text (UTF-16 or binary)"),
        (GOOD.replace("\n", "\r").encode(), "carriage return"),
        (b"just a letter\nto the bank\n", "no header line with LendingClub's column names"),
        (GOOD.split("\n", 1)[1].encode(), "no header line with LendingClub's column names"),
        (GOOD.replace(",", ";").encode(), "no header line with LendingClub's column names"),
        (GOOD.replace("loan_amnt", "loan_amount").encode(), "missing columns loan_amnt (nearest: 'loan_amount')"),
        (GOOD.replace("dti", "loan_amnt").encode(), "the header names loan_amnt twice"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, told: str) -> None:
    message = refused(write(tmp_path / "loans.csv", content))
    assert told in message
    assert message.endswith(".")


def test_a_header_lacking_columns_names_all_of_them(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "a.csv", text([{"id": "1", "dti": "5", "grade": "A", "Term": "36"}])))
    assert all(name in message for name in ("issue_d", "loan_amnt", "int_rate", "loan_status"))
    assert "term" not in message


def test_a_zip_without_loan_files_is_refused(tmp_path: Path) -> None:
    assert "holds no .csv" in refused(zipped(tmp_path / "a.zip", {"readme.txt": "hello"}))
    assert "holds no .csv" in refused(zipped(tmp_path / "b.zip", {"__MACOSX/a.csv": GOOD}))
    assert "holds no .csv" in refused(zipped(tmp_path / "c.zip", {}))


def test_a_zip_with_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": GOOD})
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    assert "damaged zip" in refused(write(path, bytes(content)))


@pytest.mark.parametrize("values_", [[[1, 2]], [b"\xff\x00"], [{"usd": 5}]], ids=["a list", "binary", "a structure"])
def test_a_parquet_column_of_no_readable_type_is_named(tmp_path: Path, values_: list[object]) -> None:
    frame = pl.DataFrame([loan()]).with_columns(annual_inc=pl.Series(values_))
    frame.write_parquet(tmp_path / "a.parquet")
    assert "column annual_inc is " in refused(tmp_path / "a.parquet")


def test_unreadable_numbers_in_parquet_are_quarantined_as_what_was_read(tmp_path: Path) -> None:
    pl.DataFrame([loan(0), loan(1, annual_inc="much")]).write_parquet(tmp_path / "a.parquet")
    intake = read(tmp_path / "a.parquet")
    assert intake.quarantine["reasons"].to_list() == [["annual_inc: 'much' cannot be read as number"]]
    assert '"annual_inc":"much"' in intake.quarantine["raw"][0]
    assert intake.clean.height == 1


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "absent.csv")


def test_a_file_this_user_may_not_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.csv", GOOD)
    path.chmod(0o000)
    code = (
        "import os, sys; from pathlib import Path; import polars, creditrisk_assets.raw.sources as sources\n"
        "nobody = 65534\n"
        "if os.getuid() == 0: os.setgid(nobody); os.setuid(nobody)\n"
        "try:\n"
        "    with sources.opened(Path(sys.argv[1]), 'secret.csv'): pass\n"
        "except sources.SourceError as error: print(error)\n"
    )
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if os.getuid() == 0 and folder.name.startswith(("pytest-", "test_")):
            folder.chmod(0o755)
    # Coverage would write where this user may not either.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False, env=plain
    )
    if "Traceback" in done.stderr:
        pytest.skip("privileges cannot be dropped here")
    assert done.stdout.strip() == "secret.csv: may not be read by this user. Grant read permission."


def test_files_are_named_by_path_by_glob_or_by_the_landing_folder(tmp_path: Path) -> None:
    for name in ("b.csv", "a.CSV.GZ", "c.txt", "d[1].csv"):
        write(tmp_path / name, GOOD)
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in find_files(None, tmp_path)] == ["a.CSV.GZ", "b.csv", "d[1].csv"]
    assert find_files(str(tmp_path / "?.csv"), tmp_path) == [tmp_path / "b.csv"]
    assert find_files(str(tmp_path / "d[1].csv"), tmp_path) == [tmp_path / "d[1].csv"]


def test_nothing_to_read_says_where_files_belong(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no loan files .* CREDITRISK_LOANS"):
        find_files(None, tmp_path / "absent")
    with pytest.raises(SourceError, match="a glob must match at least one file"):
        find_files(str(tmp_path / "*.csv"), tmp_path)
    with pytest.raises(SourceError, match=r"is a folder.*\*\.csv"):
        find_files(str(tmp_path), tmp_path)


def test_names_in_a_path_that_look_like_a_glob_are_taken_as_they_stand(tmp_path: Path) -> None:
    csv_file = write(tmp_path / "loans[2015]*.csv", GOOD)
    pl.DataFrame(loans(5)).write_parquet(tmp_path / "loans[1].parquet")
    assert read(csv_file).clean.height == 5
    assert read(tmp_path / "loans[1].parquet").clean.height == 5


def test_namesakes_are_told_apart_by_their_path(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120) / ("y" * 120)
    deep.mkdir(parents=True)
    first, second = write(tmp_path / "a.csv", text(loans(2))), write(deep / "a.csv", text([loan(5), loan(6, dti="x")]))
    assert names_of([first, second]) == {first: str(first), second: str(second)}
    assert set(read(first, second).clean["file"]) == {str(first), str(second)}


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", GOOD)
    assert read(path, path).quarantine.is_empty()


def test_infinite_and_missing_numbers_of_parquet_are_quarantined_by_name(tmp_path: Path) -> None:
    frame = pl.DataFrame(loans(4)).with_columns(
        annual_inc=pl.Series([50_000.0, float("nan"), float("inf"), None]),
        total_pymnt=pl.Series([1.0, 1.0, 1.0, float("-inf")]),
    )
    frame.write_parquet(tmp_path / "a.parquet")
    intake = read(tmp_path / "a.parquet")
    assert [names[0].split(":")[0] for names in intake.quarantine["reasons"]] == [
        "annual_inc",
        "annual_inc",
        "total_pymnt",
    ]
    assert intake.clean.height == 1
