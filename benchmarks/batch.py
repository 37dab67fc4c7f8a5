"""CSV to features on 1 M simulated loans: ours beside plain pandas and a bare polars scan, in one run.

Usage: python benchmarks/batch.py [--loans N]. Each contender runs in a process of its own, so that
its peak memory is its own. Prints seconds, peak memory and ratios; also how long definitions load.
"""

import argparse
import importlib
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

BOOK = (date(2007, 6, 1), date(2020, 12, 1))


def ours(path: Path) -> int:
    """Read, check, type, identify, quarantine, and build features with labels."""
    from creditrisk_assets.features.loans import features
    from creditrisk_assets.raw.intake import read_loans

    return features(read_loans([path], BOOK).clean.lazy()).collect(engine="streaming").height


def bare_polars(path: Path) -> int:
    """Scan the columns of the contract as text and do nothing with them."""
    import polars as pl

    from creditrisk_assets.raw.sources import FILE_COLUMNS

    names = ["id", "issue_d", *(column.name for column in FILE_COLUMNS)]
    scan = pl.scan_csv(path, infer_schema=False)
    present = scan.collect_schema().names()
    return scan.select(name for name in names if name in present).collect(engine="streaming").height


def plain_pandas(path: Path) -> int:
    """The same cleaning and features as a pandas user writes them: no checks, no quarantine, no identifiers."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(path, low_memory=False)
    months = {
        name: pd.to_datetime(frame[name], format="%b-%Y", errors="coerce")
        for name in ("issue_d", "earliest_cr_line", "last_pymnt_d", "last_credit_pull_d")
    }
    years = frame["emp_length"].str.replace("< 1", "0").str.extract(r"(\d+)")[0].astype(float)
    percent = {name: frame[name].str.rstrip("%").astype(float) for name in ("int_rate", "revol_util")}
    term = frame["term"].str.extract(r"(\d+)")[0].astype(float)
    observed = max(months["last_pymnt_d"].max(), months["last_credit_pull_d"].max())
    issued = months["issue_d"]
    defaulted = frame["loan_status"].isin(["Charged Off", "Default"])
    on_book = (observed.year - issued.dt.year) * 12 + observed.month - issued.dt.month
    default_month = (months["last_pymnt_d"].fillna(issued) + pd.DateOffset(months=5)).where(defaulted)
    ranks = {f"{grade}{step}": 5 * index + step for index, grade in enumerate("ABCDEFG") for step in range(1, 6)}
    features = pd.DataFrame({
        "vintage": issued,
        "log_loan_amount": np.log(frame["loan_amnt"]),
        "log_annual_income": np.log1p(frame["annual_inc"]),
        "loan_to_income": (frame["loan_amnt"] / frame["annual_inc"].clip(lower=1000)).clip(0, 50),
        "debt_to_income": frame["dti"].where(frame["dti"] < 999).clip(0, 100),
        "fico": (frame["fico_range_low"] + frame["fico_range_high"]) / 2,
        "credit_history_months": (issued.dt.year - months["earliest_cr_line"].dt.year) * 12
        + issued.dt.month - months["earliest_cr_line"].dt.month,
        "employment_years": years,
        "delinquencies_2y": frame["delinq_2yrs"].clip(0, 4),
        "inquiries_6m": frame["inq_last_6mths"].clip(0, 8),
        "months_since_delinquency": frame["mths_since_last_delinq"].clip(0, 240),
        "months_since_record": frame["mths_since_last_record"].clip(0, 240),
        "open_accounts": frame["open_acc"].clip(0, 40),
        "total_accounts": frame["total_acc"].clip(0, 80),
        "public_records": frame["pub_rec"].clip(0, 2),
        "bankruptcies": frame["pub_rec_bankruptcies"].clip(0, 1),
        "log_revolving_balance": np.log1p(frame["revol_bal"]),
        "revolving_utilisation": percent["revol_util"].clip(0, 150),
        "term_months": term,
        "home_ownership": frame["home_ownership"].str.upper(),
        "purpose": frame["purpose"].str.lower(),
        "addr_state": frame["addr_state"].str.upper(),
        "interest_rate": percent["int_rate"],
        "log_installment": np.log(frame["installment"]),
        "sub_grade_rank": frame["sub_grade"].map(ranks),
        "defaulted": defaulted,
        "default_month": default_month,
        "observed_months": on_book,
        "matured": on_book >= 12,
        "term_elapsed": on_book >= term,
    })  # fmt: skip
    return len(features)


CONTENDERS = {"ours": ours, "pandas": plain_pandas, "polars scan": bare_polars}


def measured(name: str, path: Path) -> tuple[float, float]:
    """Seconds and peak MB of one contender in a fresh process, imports apart."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", name, str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def run_one(name: str, path: Path) -> None:
    """Child side of `measured`."""
    needed = ["pandas"] if name == "pandas" else ["polars", "pandas", "creditrisk_assets.raw.intake"]
    for module in needed:
        importlib.import_module(module)
    start = time.perf_counter()
    CONTENDERS[name](path)
    spent = time.perf_counter() - start
    print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def definitions_seconds() -> float:
    """Best of three: a fresh interpreter that loads the Dagster definitions."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", "import creditrisk_assets.definitions"], check=True)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Simulate, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_one(arguments.run[0], Path(arguments.run[1]))
        return
    from creditrisk_assets.simulation.book import simulate_loans

    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as folder:
        start = time.perf_counter()
        book = simulate_loans(loans=arguments.loans, vintages=60, seed=1, out=Path(folder))
        size = book.file.stat().st_size / 1e6
        print(f"simulated {arguments.loans:,} loans ({size:,.0f} MB) in {time.perf_counter() - start:.1f} s")
        result = {name: min(measured(name, book.file) for _ in range(2)) for name in CONTENDERS}
    for name, (seconds, megabytes) in result.items():
        print(f"{name:<12} {seconds:7.2f} s  {megabytes:7,.0f} MB peak")
    own, pandas_seconds, scan = (result[name][0] for name in ("ours", "pandas", "polars scan"))
    print(f"ours against pandas: {pandas_seconds / own:.1f} x faster (goal 10)")
    print(f"ours against a bare scan: {own / scan:.1f} x its time (goal at most 3)")
    print(f"definitions load in {definitions_seconds():.2f} s (goal under 3)")


if __name__ == "__main__":
    main()
