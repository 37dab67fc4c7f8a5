"""The text of LendingClub's files: " 36 months", " 13.99%", "Dec-2015", "10+ years", "92.7%"."""

from datetime import date

import polars as pl

from creditrisk_assets.simulation.borrowers import EMPLOYMENT
from creditrisk_assets.simulation.draws import month_number, month_of

COLUMNS = (
    "id", "member_id", "loan_amnt", "funded_amnt", "funded_amnt_inv", "term", "int_rate", "installment", "grade",
    "sub_grade", "emp_title", "emp_length", "home_ownership", "annual_inc", "verification_status", "issue_d",
    "loan_status", "pymnt_plan", "purpose", "title", "zip_code", "addr_state", "dti", "delinq_2yrs",
    "earliest_cr_line", "fico_range_low", "fico_range_high", "inq_last_6mths", "mths_since_last_delinq",
    "mths_since_last_record", "open_acc", "pub_rec", "revol_bal", "revol_util", "total_acc", "initial_list_status",
    "out_prncp", "total_pymnt", "total_rec_prncp", "total_rec_int", "total_rec_late_fee", "recoveries",
    "collection_recovery_fee", "last_pymnt_d", "last_pymnt_amnt", "next_pymnt_d", "last_credit_pull_d",
    "last_fico_range_high", "last_fico_range_low", "collections_12_mths_ex_med", "mths_since_last_major_derog",
    "policy_code", "application_type", "annual_inc_joint", "dti_joint", "acc_now_delinq", "tot_coll_amt",
    "tot_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths", "avg_cur_bal", "bc_open_to_buy", "bc_util",
    "chargeoff_within_12_mths", "delinq_amnt", "mo_sin_old_rev_tl_op", "mo_sin_rcnt_tl", "mort_acc",
    "mths_since_recent_inq", "num_actv_rev_tl", "num_tl_op_past_12m", "pct_tl_nvr_dlq", "percent_bc_gt_75",
    "pub_rec_bankruptcies", "tax_liens", "tot_hi_cred_lim", "total_bal_ex_mort", "total_bc_limit", "hardship_flag",
    "debt_settlement_flag",
)  # fmt: skip
HEADER = ",".join(COLUMNS) + "\n"
OLDEST = date(1900, 1, 1)
_MONTHS = ("issue_d", "earliest_cr_line", "last_pymnt_d", "next_pymnt_d", "last_credit_pull_d")


def as_published(loans: pl.DataFrame) -> pl.DataFrame:
    """The loans as the file shows them: columns in LendingClub's order, dialect columns as text.

    Expects month numbers for dates, months for `term`, years for `emp_length` and percentages for
    rates. Text is not quoted any further: titles with a comma carry their own quotes.
    """
    first = month_number(OLDEST)
    months = pl.Series([month_of(number).strftime("%b-%Y") for number in range(first, first + 2_400)])
    rates = pl.Series([f"{points / 100:6.2f}%" for points in range(6_000)])
    tenths = pl.Series([f"{tenth / 10:g}%" for tenth in range(2_000)])
    years = pl.Series(EMPLOYMENT)
    dates = {name: months.gather(loans[name] - first) for name in _MONTHS}
    return loans.with_columns(
        member_id=pl.lit(None, dtype=pl.String),
        loan_amnt=pl.col("loan_amnt").cast(pl.String),
        funded_amnt=pl.col("loan_amnt"),
        funded_amnt_inv=pl.col("loan_amnt"),
        term=pl.when(pl.col("term") == 36).then(pl.lit(" 36 months")).otherwise(pl.lit(" 60 months")),
        int_rate=rates.gather((loans["int_rate"] * 100).round().cast(pl.Int64)),
        revol_util=tenths.gather((loans["revol_util"] * 10).round().cast(pl.Int64)),
        emp_length=years.gather(loans["emp_length"]).fill_null("n/a"),
        **dates,
    ).select(COLUMNS)
