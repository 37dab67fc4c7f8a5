"""What simulated borrowers send when they apply: all columns of LendingClub's feed, what came later empty."""

from typing import Any

import msgspec
import polars as pl

from creditrisk_assets.contracts import RAW_LOANS
from creditrisk_assets.simulation.draws import month_number, month_of
from creditrisk_assets.simulation.lendingclub import COLUMNS, OLDEST

FURTHER = (
    "out_prncp_inv", "total_pymnt_inv", "url", "desc", "verification_status_joint", "open_acc_6m", "open_act_il",
    "open_il_12m", "open_il_24m", "mths_since_rcnt_il", "total_bal_il", "il_util", "open_rv_12m", "open_rv_24m",
    "max_bal_bc", "all_util", "inq_fi", "total_cu_tl", "inq_last_12m", "mo_sin_old_il_acct", "mo_sin_rcnt_rev_tl_op",
    "mths_since_recent_bc", "mths_since_recent_bc_dlq", "mths_since_recent_revol_delinq", "num_accts_ever_120_pd",
    "num_actv_bc_tl", "num_bc_sats", "num_bc_tl", "num_il_tl", "num_op_rev_tl", "num_rev_accts", "num_rev_tl_bal_gt_0",
    "num_sats", "num_tl_120dpd_2m", "num_tl_30dpd", "num_tl_90g_dpd_24m", "total_il_high_credit_limit",
    "revol_bal_joint", "sec_app_fico_range_low", "sec_app_fico_range_high", "sec_app_earliest_cr_line",
    "sec_app_inq_last_6mths", "sec_app_mort_acc", "sec_app_open_acc", "sec_app_revol_util", "sec_app_open_act_il",
    "sec_app_num_rev_accts", "sec_app_chargeoff_within_12_mths", "sec_app_collections_12_mths_ex_med",
    "sec_app_mths_since_last_major_derog", "hardship_type", "hardship_reason", "hardship_status", "deferral_term",
    "hardship_amount", "hardship_start_date", "hardship_end_date", "payment_plan_start_date", "hardship_length",
    "hardship_dpd", "hardship_loan_status", "orig_projected_additional_accrued_interest",
    "hardship_payoff_balance_amount", "hardship_last_payment_amount", "disbursement_method",
    "debt_settlement_flag_date", "settlement_status", "settlement_date", "settlement_amount", "settlement_percentage",
    "settlement_term",
)  # fmt: skip
"""Columns of LendingClub's files that the simulated book does not have: sent empty, so that a message is as long."""
_TOLD = ("id", "issue_d", *(name for name in RAW_LOANS.names("application") if name in COLUMNS))
_MONTHS = ("issue_d", "earliest_cr_line")


def payloads(published: pl.DataFrame, names: pl.Series, shift: int) -> list[bytes]:
    """Payloads of applications, one per loan of `published` (see `lendingclub`), moved by `shift` months in time.

    `names`: their identifiers.
    """
    told = published.select(_TOLD).with_columns(
        names.alias("id"),
        pl.col("loan_amnt").cast(pl.Float64),
        pl.col("emp_title").str.strip_chars('"'),
        *(_moved(pl.col(name), shift) for name in _MONTHS),
    )
    empty: dict[str, Any] = dict.fromkeys([*COLUMNS, *FURTHER])
    encode = msgspec.json.Encoder().encode
    return [encode(empty | row) for row in told.iter_rows(named=True)]


def _moved(month: pl.Expr, shift: int) -> pl.Expr:
    first = month_number(OLDEST)
    spelt = [month_of(number).strftime("%b-%Y") for number in range(first, first + 2_400 + abs(shift))]
    low = max(0, -shift)
    return month.replace_strict(spelt[low : low + 2_400], spelt[low + shift : low + shift + 2_400], default=None)
