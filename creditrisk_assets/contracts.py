"""Every table of the lake, declared once.

Casts, quarantine reasons, the Columns tab of the Dagster UI, schema checks and `docs/tables.md`
all come from here. Raw columns keep the names under which LendingClub publishes them.
"""

from dataclasses import replace
from datetime import date
from functools import partial

import polars as pl

from creditrisk_assets.columns import Column, Table

Text, Real, Whole, Day, Flag = pl.String, pl.Float64, pl.Int32, pl.Date, pl.Boolean
Instant = pl.Datetime("us", "UTC")

FIRST_DAY, LAST_DAY = date(1930, 1, 1), date(2100, 1, 1)
STATUSES = (
    "Current", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)", "Default", "Charged Off", "Fully Paid",
)  # fmt: skip
STATES = (
    "AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY",
    "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH",
    "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
)  # fmt: skip
PURPOSES = (
    "car", "credit_card", "debt_consolidation", "educational", "home_improvement", "house", "major_purchase",
    "medical", "moving", "other", "renewable_energy", "small_business", "vacation", "wedding",
)  # fmt: skip
HOMES = ("MORTGAGE", "OWN", "RENT", "OTHER")
GRADES = tuple("ABCDEFG")
SUB_GRADES = tuple(f"{grade}{step}" for grade in GRADES for step in range(1, 6))
DECISIONS = ("approve", "refer", "decline")
REASONS = (1, 2, 3, 4)
APPLICATIONS, ACTIVITY = "loan-applications", "customer-activity"
TOPICS = (APPLICATIONS, ACTIVITY)
"""Topics of the stream."""
ACTIVITY_TYPES = ("payment_made", "payment_missed", "utilisation_spike", "credit_line_change", "credit_inquiry")
EVENT_TYPES = ("loan_application", *ACTIVITY_TYPES)
BEHAVIOUR = (
    ("days_past_due", "days past due after the newest payment event", "days"),
    ("worst_12m", "most days past due after a payment event of the last 12 months", "days"),
    ("missed_3m", "payments missed in the last 3 months", "count"),
    ("missed_12m", "payments missed in the last 12 months", "count"),
    ("paid_12m", "payments made in the last 12 months", "count"),
    ("spikes_3m", "utilisation spikes in the last 3 months", "count"),
    ("spikes_12m", "utilisation spikes in the last 12 months", "count"),
    ("utilisation", "utilisation at the newest spike of the last 12 months; empty: none", "percent"),
    ("credit_line", "credit line after its newest change in the last 12 months; empty: none", "USD"),
    ("inquiries_12m", "credit inquiries in the last 12 months", "count"),
    ("months_observed", "whole months since the first event of the last 13 months, at most 12", "months"),
)
"""What is counted of a customer: column, meaning, unit. Windows are trailing and open at their start."""
NOT_ALWAYS_TOLD = ("utilisation", "credit_line")
"""Columns of BEHAVIOUR that may be empty."""
FEATURE_SETS = ("application", "application_with_price")

_vintage = Column("vintage", Day, "month in which the loan was issued", "month", "key", nullable=False)
_loan_id = Column("loan_id", Text, "stable identifier: the lender's id, else a digest of the application", "", "key",
                  nullable=False)  # fmt: skip
_model_date = Column("model_date", Day, "as-of date of the model: nothing later was known", "month", "key",
                     nullable=False)  # fmt: skip
_feature_set = Column("feature_set", Text, "declared set of features the model may use", "", "key", nullable=False,
                      allowed=FEATURE_SETS)  # fmt: skip

_asked = partial(Column, known="application")
_amount = partial(Column, dtype=Real, unit="USD", known="application", parse="number", low=0)
_count = partial(Column, dtype=Whole, unit="count", known="application", parse="count", low=0, high=1_000)
_months = partial(Column, dtype=Whole, unit="months", known="application", parse="count", low=0, high=1_200)
_price = partial(Column, known="application", price=True)
_later = partial(Column, known="later")
_paid = partial(Column, dtype=Real, unit="USD", known="later", parse="number")

RAW_LOANS = Table(
    ("raw", "loans"),
    "Loans as the lender booked them, typed; one row per loan.",
    (
        _loan_id,
        _vintage,
        Column("observed_month", Day, "month up to which the source file knows outcomes", "month", "later",
               nullable=False),
        Column("file", Text, "source file", "", "key", nullable=False),
        Column("line", pl.Int64, "first line of the record in the source file, header counted", "", "key",
               nullable=False),
        _asked("loan_amnt", Real, "amount asked for", "USD", nullable=False, low=1, high=1e6, parse="number"),
        _asked("term", Whole, "number of monthly instalments", "months", nullable=False, low=1, high=480,
               parse="term"),
        _asked("emp_title", Text, "job title as typed by the borrower"),
        _asked("emp_length", Real, "years in employment; 10 means ten or more", "years", low=0, high=60,
               parse="employment"),
        _asked("home_ownership", Text, "housing situation as declared"),
        _asked("annual_inc", Real, "declared annual income", "USD", low=0, high=1e9, parse="number"),
        _asked("verification_status", Text, "whether the income was verified"),
        _asked("purpose", Text, "declared purpose of the loan"),
        _asked("title", Text, "loan title as typed by the borrower"),
        _asked("zip_code", Text, "first three digits of the postal code"),
        _asked("addr_state", Text, "state of residence"),
        _asked("application_type", Text, "individual or joint application"),
        _asked("dti", Real, "debt payments over income; 999 stands for not computable", "percent", low=-1, high=9_999,
               parse="number"),
        _asked("annual_inc_joint", Real, "joint annual income", "USD", low=0, high=1e9, parse="number"),
        _asked("dti_joint", Real, "joint debt payments over income", "percent", low=-1, high=9_999, parse="number"),
        _asked("fico_range_low", Real, "lower end of the FICO band", "points", low=300, high=900, parse="number"),
        _asked("fico_range_high", Real, "upper end of the FICO band", "points", low=300, high=900, parse="number"),
        _asked("earliest_cr_line", Day, "month of the oldest credit line", "month", low=FIRST_DAY, high=LAST_DAY,
               parse="month"),
        _count("delinq_2yrs", meaning="30+ days late in the last two years"),
        _count("inq_last_6mths", meaning="credit inquiries in the last six months"),
        _months("mths_since_last_delinq", meaning="months since the last delinquency; empty: none"),
        _months("mths_since_last_record", meaning="months since the last public record; empty: none"),
        _months("mths_since_last_major_derog", meaning="months since the last 90+ days late; empty: none"),
        _count("open_acc", meaning="open credit lines"),
        _count("pub_rec", meaning="derogatory public records"),
        _amount("revol_bal", meaning="revolving balance"),
        _asked("revol_util", Real, "revolving balance over limit", "percent", low=0, high=1_000, parse="percent"),
        _count("total_acc", meaning="credit lines ever"),
        _count("pub_rec_bankruptcies", meaning="bankruptcies on record"),
        _count("tax_liens", meaning="tax liens on record"),
        _count("collections_12_mths_ex_med", meaning="collections in twelve months, medical ones apart"),
        _count("chargeoff_within_12_mths", meaning="charge-offs in the last twelve months"),
        _count("acc_now_delinq", meaning="accounts now delinquent"),
        _amount("delinq_amnt", meaning="amount now past due"),
        _amount("tot_coll_amt", meaning="amounts ever owed to collectors"),
        _amount("tot_cur_bal", meaning="balance of all accounts"),
        _amount("total_rev_hi_lim", meaning="total revolving limit"),
        _count("acc_open_past_24mths", meaning="accounts opened in 24 months"),
        _amount("avg_cur_bal", meaning="average balance of all accounts"),
        _amount("bc_open_to_buy", meaning="open to buy on bank cards"),
        _asked("bc_util", Real, "bank card balance over limit", "percent", low=0, high=1_000, parse="number"),
        _months("mo_sin_old_rev_tl_op", meaning="months since the oldest revolving account"),
        _months("mo_sin_rcnt_tl", meaning="months since the newest account"),
        _count("mort_acc", meaning="mortgage accounts"),
        _months("mths_since_recent_inq", meaning="months since the last inquiry"),
        _count("num_actv_rev_tl", meaning="active revolving accounts"),
        _count("num_tl_op_past_12m", meaning="accounts opened in twelve months"),
        _asked("pct_tl_nvr_dlq", Real, "accounts never delinquent", "percent", low=0, high=100, parse="number"),
        _asked("percent_bc_gt_75", Real, "bank cards above 75 % of their limit", "percent", low=0, high=100,
               parse="number"),
        _amount("tot_hi_cred_lim", meaning="total credit limit"),
        _amount("total_bal_ex_mort", meaning="balance of all accounts, mortgages apart"),
        _amount("total_bc_limit", meaning="total bank card limit"),
        _price("int_rate", Real, "interest rate of the loan", "percent a year", nullable=False, low=0, high=60,
               parse="percent"),
        _price("installment", Real, "monthly instalment", "USD", low=0, high=1e6, parse="number"),
        _price("grade", Text, "lender's risk grade", allowed=GRADES),
        _price("sub_grade", Text, "lender's risk sub-grade", allowed=SUB_GRADES),
        _later("funded_amnt", Real, "amount funded", "USD", low=0, high=1e6, parse="number"),
        _later("funded_amnt_inv", Real, "amount funded by investors", "USD", low=0, high=1e6, parse="number"),
        _later("initial_list_status", Text, "whole or fractional listing"),
        _later("loan_status", Text, "state of the loan when the file was made", nullable=False, allowed=STATUSES,
               parse="status"),
        _later("meets_credit_policy", Flag, "false where the file says the loan does not meet the credit policy"),
        _later("pymnt_plan", Flag, "on a payment plan", parse="flag"),
        _paid("out_prncp", meaning="principal outstanding"),
        _paid("total_pymnt", meaning="paid so far"),
        _paid("total_rec_prncp", meaning="principal received"),
        _paid("total_rec_int", meaning="interest received"),
        _paid("total_rec_late_fee", meaning="late fees received"),
        _paid("recoveries", meaning="recovered after charge-off"),
        _paid("collection_recovery_fee", meaning="cost of recovery"),
        _later("last_pymnt_d", Day, "month of the last payment", "month", low=FIRST_DAY, high=LAST_DAY, parse="month"),
        _paid("last_pymnt_amnt", meaning="last payment"),
        _later("next_pymnt_d", Day, "month of the next payment due", "month", low=FIRST_DAY, high=LAST_DAY,
               parse="month"),
        _later("last_credit_pull_d", Day, "month of the last credit report", "month", low=FIRST_DAY, high=LAST_DAY,
               parse="month"),
        _later("last_fico_range_low", Real, "lower end of the latest FICO band", "points", parse="number"),
        _later("last_fico_range_high", Real, "upper end of the latest FICO band", "points", parse="number"),
        _later("hardship_flag", Flag, "on a hardship plan", parse="flag"),
        _later("debt_settlement_flag", Flag, "in debt settlement", parse="flag"),
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip

RAW_LOANS_QUARANTINE = Table(
    ("raw", "loans_quarantine"),
    "Rejected records, kept whole with their reasons so that they can be mended and replayed.",
    (
        Column("vintage", Day, "month of issue when it could be read and belongs to the book, else empty", "month",
               "key"),
        Column("file", Text, "source file", "", "key", nullable=False),
        Column("line", pl.Int64, "first line of the record in the source file, header counted", "", "key",
               nullable=False),
        Column("reasons", pl.List(Text), "every reason for the rejection, the column named first", nullable=False),
        Column("raw", Text, "the record as it stands in the file", nullable=False),
    ),
    primary=("file", "line"),
    partition="vintage",
)  # fmt: skip

RAW_LOANS_LEDGER = Table(
    ("raw", "loans_ledger"),
    "What was read: records per file and vintage, and how many of them were kept or rejected.",
    (
        Column("vintage", Day, "month of issue, empty for records that belong to no vintage", "month", "key"),
        Column("file", Text, "source file", "", "key", nullable=False),
        Column("observed_month", Day, "month up to which the file knows outcomes", "month"),
        Column("read", pl.Int64, "records read", "count", nullable=False, low=0),
        Column("clean", pl.Int64, "records kept in raw/loans", "count", nullable=False, low=0),
        Column("quarantined", pl.Int64, "records kept in raw/loans_quarantine", "count", nullable=False, low=0),
    ),
    primary=("vintage", "file"),
    partition="vintage",
)  # fmt: skip

_feature = partial(Column, dtype=Real, known="application")

FEATURES_LOANS = Table(
    ("features", "loans"),
    "What was known when the borrower applied, and the outcome as far as it has been observed.",
    (
        _loan_id,
        _vintage,
        _feature("loan_amount", meaning="amount asked for", unit="USD", nullable=False, low=1),
        _feature("log_loan_amount", meaning="natural logarithm of the amount", nullable=False),
        _feature("log_annual_income", meaning="natural logarithm of income plus one"),
        _feature("loan_to_income", meaning="amount over annual income", unit="ratio", low=0, high=50),
        _feature("debt_to_income", meaning="debt payments over income", unit="percent", low=0, high=100),
        _feature("fico", meaning="middle of the FICO band", unit="points", low=300, high=900),
        _feature("credit_history_months", meaning="age of the oldest credit line", unit="months", low=0, high=1_200),
        _feature("employment_years", meaning="years in employment, ten or more as ten", unit="years", low=0, high=10),
        _feature("delinquencies_2y", meaning="30+ days late in two years, at most 4", unit="count", low=0, high=4),
        _feature("inquiries_6m", meaning="inquiries in six months, at most 8", unit="count", low=0, high=8),
        _feature("months_since_delinquency", meaning="since the last delinquency", unit="months", low=0, high=240),
        _feature("months_since_record", meaning="since the last public record", unit="months", low=0, high=240),
        _feature("open_accounts", meaning="open credit lines, at most 40", unit="count", low=0, high=40),
        _feature("total_accounts", meaning="credit lines ever, at most 80", unit="count", low=0, high=80),
        _feature("public_records", meaning="derogatory public records, at most 2", unit="count", low=0, high=2),
        _feature("bankruptcies", meaning="bankruptcies on record, at most 1", unit="count", low=0, high=1),
        _feature("log_revolving_balance", meaning="natural logarithm of the revolving balance plus one"),
        _feature("revolving_utilisation", meaning="revolving balance over limit", unit="percent", low=0, high=150),
        _feature("term_months", meaning="number of monthly instalments", unit="months", nullable=False, low=1),
        _asked("home_ownership", Text, "housing situation", nullable=False, allowed=HOMES),
        _asked("verification_status", Text, "whether the income was verified", nullable=False),
        _asked("purpose", Text, "purpose of the loan", nullable=False),
        _asked("addr_state", Text, "state of residence", nullable=False),
        _price("interest_rate", Real, "interest rate of the loan", "percent a year", nullable=False),
        _price("log_installment", Real, "natural logarithm of the monthly instalment"),
        _price("sub_grade_rank", Real, "lender's sub-grade, A1 as 1 to G5 as 35", "rank", low=1, high=35),
        _later("defaulted", Flag, "charged off, or 120+ days late, as far as observed", nullable=False),
        _later("default_month", Day, "month in which the loan reached 120 days late", "month"),
        _later("repaid_month", Day, "month in which the loan was repaid, at term or before", "month"),
        _later("observed_month", Day, "month up to which the outcome is known", "month", nullable=False),
        _later("observed_months", Whole, "months on book up to the observed month", "months", nullable=False, low=0),
        _later("matured", Flag, "observed for at least the horizon of twelve months", nullable=False),
        _later("term_elapsed", Flag, "observed to the end of the term: the outcome is final", nullable=False),
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip

_share = partial(Column, dtype=Real, nullable=False, low=0, high=1)
_rows = partial(Column, dtype=pl.Int64, unit="count", nullable=False, low=0)

MODELS_LOGISTIC = Table(
    ("models", "logistic"),
    "The logistic benchmark, one row per feature set: design and coefficients as plain data.",
    (
        _model_date,
        _feature_set,
        Column("model", Text, "design (means, scales, levels) and coefficients as JSON", nullable=False),
        _rows("loans", meaning="loans in the training window"),
        _rows("defaults", meaning="defaults among them"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

_vector = partial(Column, dtype=pl.List(Real), nullable=False)

MODELS_BINNING = Table(
    ("models", "binning"),
    "Bins of every feature, fitted on the training window of a model date and on nothing else.",
    (
        _model_date,
        _feature_set,
        Column("factor", Text, "feature, category or group", nullable=False),
        Column("bin", Whole, "number of the bin, the code of a loan", nullable=False, low=0),
        Column("label", Text, "the bin in words; missing and unseen values have bins of their own", nullable=False),
        Column("lower", Real, "values of the bin start here; empty where open", "unit of the feature"),
        Column("upper", Real, "values of the bin end before this; empty where open", "unit of the feature"),
        Column("score", Real, "standardised mean of the bin, on which the model is linear", "standard deviations"),
        _rows("loans", meaning="loans of the window in the bin"),
        _rows("trials", meaning="loan-months at risk in the bin, as far as known at the model date"),
        _rows("defaults", meaning="defaults in the bin, as far as known at the model date"),
    ),
    primary=("model_date", "feature_set", "factor", "bin"),
    partition="model_date",
)

MODELS_REFERENCE = Table(
    ("models", "reference"),
    "Where the evidence of a model date is expanded: its design, and one shared point of the coefficients.",
    (
        _model_date,
        _feature_set,
        Column("version", Text, "changes whenever bins, bands or point do", nullable=False),
        Column("design", Text, "bins, bands of months, vintages and repayment as JSON", nullable=False),
        _vector("point", meaning="shared coefficients at which evidence is expanded", unit="log-odds"),
        _vector("covariance", meaning="their covariance, row by row: curvature is averaged over it"),
        _vector("scales", meaning="likely group scales, where sampling starts", unit="log-odds"),
        _rows("loans", meaning="loans in the training window"),
        _rows("defaults", meaning="defaults among them, as far as known at the model date"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_EVIDENCE = Table(
    ("models", "evidence"),
    "What each vintage says about the coefficients: exact log-likelihood, gradient and information, additive.",
    (
        _vintage,
        _model_date,
        _feature_set,
        Column("reference", Text, "version of the reference it was expanded at", nullable=False),
        Column("content", Text, "digest of the loans it was made of: bins, months and outcomes", nullable=False),
        Column("own", Real, "effect of the vintage itself at the expansion", "log-odds", nullable=False),
        Column("log_likelihood", Real, "exact log-likelihood of the vintage there", "nats", nullable=False),
        _vector("gradient", meaning="its gradient by the shared coefficients"),
        _vector("information", meaning="Fisher information of the shared coefficients, lower half row by row"),
        _rows("loans", meaning="loans tried at least once by the model date"),
        _rows("trials", meaning="their loan-months at risk by the model date"),
        _rows("defaults", meaning="their defaults by the model date"),
    ),
    primary=("vintage", "model_date", "feature_set"),
    partition="vintage",
)

MODELS_BOOSTING = Table(
    ("models", "boosting"),
    "The gradient-boosting challenger, one row per feature set: trees as plain data.",
    (
        _model_date,
        _feature_set,
        Column("model", Text, "features and trees as JSON", nullable=False),
        _rows("loans", meaning="loans in the training window"),
        _rows("defaults", meaning="defaults among them"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_MOMENTS = Table(
    ("models", "moments"),
    "Mean and covariance of the posterior's coefficients: all that scoring needs.",
    (
        _model_date,
        _feature_set,
        _vector("mean", meaning="posterior mean of the coefficients in the order of the design", unit="log-odds"),
        _vector("covariance", meaning="posterior covariance of the coefficients, row by row"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

_expected = partial(Column, dtype=Real, unit="defaults", nullable=False, low=0)

MODELS_BACKTEST = Table(
    ("models", "backtest"),
    "Every vintage of a training window predicted by the posterior, by all other vintages, and by earlier ones.",
    (
        _model_date,
        _feature_set,
        _vintage,
        _rows("loans", meaning="loans tried at least once by the model date"),
        _rows("trials", meaning="their loan-months at risk"),
        _rows("defaults", meaning="their defaults by the model date"),
        *(
            _expected(f"{name}{suffix}", meaning=f"{told}, {state}")
            for suffix, state in (("", "by the posterior"), ("_left_out", "by all other vintages"),
                                  ("_future", "by earlier vintages only"))
            for name, told in (("expected", "defaults expected"), ("low", "5 % of the defaults"),
                               ("high", "95 % of the defaults"))
        ),
        Column("elpd_left_out", Real, "log predictive density given all other vintages", "nats", nullable=False),
        Column("elpd_future", Real, "log predictive density given earlier vintages", "nats", nullable=False),
    ),
    primary=("model_date", "feature_set", "vintage"),
    partition="model_date",
)  # fmt: skip

MODELS_POSTERIOR = Table(
    ("models", "posterior"),
    "Draws of the posterior: every number the business sees is a function of these.",
    (
        _model_date,
        _feature_set,
        Column("chain", Whole, "chain, or quarter of the resampled draws", nullable=False, low=0),
        Column("draw", Whole, "number of the draw", nullable=False, low=0),
        Column("parameter", Text, "coefficient, group[level], scale[group] or persistence", nullable=False),
        Column("value", Real, "value of the parameter in this draw", "log-odds", nullable=False),
    ),
    primary=("model_date", "feature_set", "parameter", "chain", "draw"),
    partition="model_date",
)

MODELS_PARAMETERS = Table(
    ("models", "parameters"),
    "The posterior in brief: mean, spread and interval of every parameter.",
    (
        _model_date,
        _feature_set,
        Column("parameter", Text, "coefficient, group[level], scale[group] or persistence", nullable=False),
        Column("mean", Real, "posterior mean", "log-odds", nullable=False),
        Column("sd", Real, "posterior standard deviation", "log-odds", nullable=False, low=0),
        Column("low", Real, "5 % quantile", "log-odds", nullable=False),
        Column("high", Real, "95 % quantile", "log-odds", nullable=False),
    ),
    primary=("model_date", "feature_set", "parameter"),
    partition="model_date",
)

MODELS_DIAGNOSTICS = Table(
    ("models", "diagnostics"),
    "Whether a posterior may be used: sampler diagnostics, certificate, and the design it was fitted with.",
    (
        _model_date,
        _feature_set,
        Column("passed", Flag, "every gate passed: the model may score", nullable=False),
        Column("method", Text, "evidence (quadratic, certified) or loans (sampled directly)", nullable=False),
        Column("r_hat_max", Real, "largest rank-normalised R-hat", nullable=False),
        Column("ess_bulk_min", Real, "smallest bulk effective sample size", "draws", nullable=False),
        Column("ess_tail_min", Real, "smallest tail effective sample size", "draws", nullable=False),
        Column("divergences", pl.Int64, "divergent transitions", "count", nullable=False, low=0),
        Column("bfmi_min", Real, "smallest Bayesian fraction of missing information", nullable=False),
        Column("disagreement", Real, "largest gap between the sampled and the stated density", "nats", nullable=False),
        Column("k_hat", Real, "Pareto k of the importance weights against the exact likelihood", nullable=False),
        Column("certificate_ess", Real, "effective draws after weighting by the exact likelihood", "draws"),
        _rows("loans", meaning="loans tried at least once by the model date"),
        Column("trials", Real, "their loan-months at risk", "loan-months", nullable=False, low=0),
        _rows("defaults", meaning="defaults among them"),
        _rows("vintages", meaning="vintages in the training window"),
        Column("reference", Text, "version of the reference the evidence was expanded at", nullable=False),
        Column("design", Text, "bins, bands of months, vintages and repayment as JSON", nullable=False),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_BEHAVIOUR = Table(
    ("models", "behaviour"),
    "How behaviour updates the PD of an application: one row, none where there is no history to learn from.",
    (
        Column("version", Text, "twelve digits of the model", "", "key", nullable=False),
        Column("source", Text, "folder of the history it was learned from", nullable=False),
        Column("passed", Flag, "every gate passed: the model may score", nullable=False),
        Column("model", Text, "bins, mean and covariance of the coefficients as JSON", nullable=False),
        _rows("customers", meaning="customers in the history, one landmark each"),
        _rows("defaults", meaning="defaults among them within twelve months"),
        _rows("cells", meaning="distinct rows the sampler saw"),
        Column("r_hat_max", Real, "largest rank-normalised R-hat", nullable=False),
        Column("ess_bulk_min", Real, "smallest bulk effective sample size", "draws", nullable=False),
        Column("ess_tail_min", Real, "smallest tail effective sample size", "draws", nullable=False),
        Column("divergences", pl.Int64, "divergent transitions", "count", nullable=False, low=0),
        Column("bfmi_min", Real, "smallest Bayesian fraction of missing information", nullable=False),
    ),
    primary=("version",),
)

MODELS_COMPARISON = Table(
    ("models", "comparison"),
    "Posterior, logistic and boosting side by side on vintages issued after the model date.",
    (
        _model_date,
        _feature_set,
        Column("model", Text, "which model", "", "key", nullable=False, allowed=("posterior", "logistic", "boosting")),
        Column("outcomes", Text, "protocol of the comparison", "", "key", nullable=False,
               allowed=("as_known", "final")),
        Column("first_vintage", Day, "first test vintage", "month", nullable=False),
        Column("last_vintage", Day, "last test vintage", "month", nullable=False),
        _rows("rows", meaning="test loans"),
        _rows("bads", meaning="defaults among them"),
        _share("auc", meaning="area under the ROC curve"),
        _share("ks", meaning="Kolmogorov-Smirnov distance of goods and bads"),
        _share("brier", meaning="mean squared error of the PD"),
        Column("log_loss", Real, "mean negative log-likelihood", "nats", nullable=False, low=0),
        _share("mean_pd", meaning="mean predicted PD"),
        _share("observed", meaning="observed default rate"),
    ),
    primary=("model_date", "feature_set", "model", "outcomes"),
    partition="model_date",
)  # fmt: skip

SCORES_LOANS = Table(
    ("scores", "loans"),
    "PD of every loan with its interval, points, band, decision and reasons.",
    (
        _loan_id,
        _vintage,
        _model_date,
        _feature_set,
        _share("pd", meaning="posterior mean of the PD within twelve months"),
        _share("pd_low", meaning="5 % quantile of the PD within twelve months"),
        _share("pd_high", meaning="95 % quantile of the PD within twelve months"),
        _share("pd_term", meaning="posterior mean of the PD within the term"),
        _share("pd_term_low", meaning="5 % quantile of the PD within the term"),
        _share("pd_term_high", meaning="95 % quantile of the PD within the term"),
        Column("log_odds", Real, "posterior mean of the log-odds of default in an average month of the first year",
               "log-odds", nullable=False),
        Column("log_odds_sd", Real, "posterior standard deviation of the log-odds", "log-odds", nullable=False, low=0),
        Column("base", Real, "log-odds of the average training loan in this vintage; contributions add to it",
               "log-odds", nullable=False),
        Column("points", Whole, "scorecard points, more is safer", "points", nullable=False),
        Column("band", Whole, "risk band, 1 least to 8 most", nullable=False, low=1, high=8),
        Column("decision", Text, "what the policy says; refer where the posterior cannot tell", nullable=False,
               allowed=DECISIONS),
        _share("decision_probability", meaning="probability that the decision is right"),
        Column("policy", Text, "version of the policy", nullable=False),
        *(Column(f"reason_{n}", Text, f"factor that raises the risk most, rank {n}") for n in REASONS),
        *(Column(f"contribution_{n}", Real, f"what it adds to the log-odds, rank {n}", "log-odds", low=0)
          for n in REASONS),
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip

SCORES_LINEAGE = Table(
    ("scores", "lineage"),
    "Which model and which versions of the tables a vintage was scored with.",
    (
        _vintage,
        Column("model_date", Day, "model used; empty when no good model is dated before the vintage", "month"),
        _feature_set,
        Column("features_version", pl.Int64, "Delta version of features/loans", nullable=False, low=0),
        Column("posterior_version", pl.Int64, "Delta version of models/posterior; empty without a model", low=0),
        _rows("scored", meaning="loans scored"),
        _rows("unscored", meaning="loans left without a score"),
    ),
    primary=("vintage",),
    partition="vintage",
)

_instant = partial(Column, dtype=Instant, unit="UTC")

RAW_EVENTS = Table(
    ("raw", "events"),
    "Every message of the stream, exactly once: good ones decoded, bad ones kept with the reason and their bytes.",
    (
        Column("ingest_day", Day, "day on which the micro-batch was committed", "day", "key", nullable=False),
        _instant("ingested_at", meaning="when the micro-batch was committed; one instant per micro-batch", known="key",
                 nullable=False),
        Column("topic", Text, "Kafka topic", "", "key", nullable=False),
        Column("epoch", Whole, "how often the topic was started anew", "", "key", nullable=False, low=0),
        Column("partition", Whole, "partition of the topic", "", "key", nullable=False, low=0),
        Column("offset", pl.Int64, "offset in the partition", "", "key", nullable=False, low=0),
        Column("replayed", Flag, "decoded anew out of quarantine, after a fix; the row in quarantine stays", "", "key",
               nullable=False),
        _instant("broker_time", meaning="timestamp of the message", known="key"),
        Column("key", pl.Binary, "key of the message", "", "key"),
        Column("event_id", Text, "identifier of the event; repeats are one event", "", "key"),
        Column("event_type", Text, "what happened", "", "application", allowed=EVENT_TYPES),
        _instant("event_time", meaning="when it happened", known="application"),
        Column("customer_id", Text, "whom it concerns", "", "application"),
        Column("application_id", Text, "which application it is", "", "application"),
        Column("amount", Real, "amount paid, or due and not paid", "USD", "application", low=0),
        Column("days_past_due", Whole, "days past due after the event", "days", "application", low=0, high=10_000),
        Column("utilisation", Real, "revolving balance over limit", "share", "application", low=0, high=10),
        Column("credit_line", Real, "credit line after the event", "USD", "application", low=0),
        Column("value", Text, "the message as received, where it is good", "", "application"),
        Column("error", Text, "why the message is in quarantine; empty: it is good", "", "application"),
        Column("raw", pl.Binary, "the message as received, where it is bad; empty also for a tombstone", "",
               "application"),
    ),
    primary=("topic", "epoch", "partition", "offset", "replayed"),
    partition="ingest_day",
)  # fmt: skip

_place = (
    Column("ingest_day", Day, "day on which the micro-batch was committed", "day", "key", nullable=False),
    _instant("ingested_at", meaning="micro-batch of raw/events it follows from", known="key", nullable=False),
    Column("topic", Text, "topic of the event that decided it", "", "key", nullable=False),
    Column("epoch", Whole, "epoch of that topic", "", "key", nullable=False, low=0),
    Column("partition", Whole, "partition of that event", "", "key", nullable=False, low=0),
    Column("offset", pl.Int64, "offset of that event", "", "key", nullable=False, low=0),
)

FEATURES_BEHAVIOUR = Table(
    ("features", "behaviour"),
    "What a customer did in trailing windows, as of the newest of their events; one row per micro-batch.",
    (
        *_place,
        Column("customer_id", Text, "whom it concerns", "", "key", nullable=False),
        _instant("as_of", meaning="time of the newest event known", known="key", nullable=False),
        *(
            Column(name, Whole, meaning, unit, nullable=name in NOT_ALWAYS_TOLD, low=0)
            for name, meaning, unit in BEHAVIOUR
        ),
    ),
    primary=("topic", "epoch", "partition", "offset"),
    partition="ingest_day",
)

SCORES_LIVE = Table(
    ("scores", "live"),
    "Risk as of each micro-batch: applications scored and decided, customers updated by what they did.",
    (
        *_place,
        Column("subject", Text, "application or customer", "", "key", nullable=False),
        Column("kind", Text, "what was scored", "", "key", nullable=False, allowed=("application", "behaviour")),
        Column("customer_id", Text, "whom it concerns, where the event says so", "", "key"),
        Column("event_id", Text, "the event that decided it", "", "key", nullable=False),
        _instant("as_of", meaning="time up to which events are known", known="key", nullable=False),
        *(column for column in SCORES_LOANS.columns if column.name not in ("loan_id", "vintage", "pd_term",
                                                                          "pd_term_low", "pd_term_high")),
        *(replace(SCORES_LOANS.column(name), nullable=True) for name in ("pd_term", "pd_term_low", "pd_term_high")),
    ),
    primary=("topic", "epoch", "partition", "offset"),
    partition="ingest_day",
)  # fmt: skip

DRAWS = 200
"""Draws of a posterior that the serving tables are added up by."""
BUCKETS = ("current", "1-29", "30-59", "60-89", "90+")
"""Days past due at the end of a month."""

_segment = (
    _vintage,
    replace(_model_date, known="derived"),
    Column("term_months", Whole, "number of monthly instalments", "months", "key", nullable=False, low=1),
    Column("purpose", Text, "purpose of the loan", "", "key", nullable=False),
)

SERVING_SEGMENTS = Table(
    ("serving", "segments"),
    "Scored loans added up by vintage, term, purpose, band and decision: what the dashboard counts.",
    (
        *_segment,
        Column("band", Whole, "risk band, 1 least to 8 most", "", "key", nullable=False, low=1, high=8),
        Column("decision", Text, "what the policy said", "", "key", nullable=False, allowed=DECISIONS),
        _rows("loans", meaning="loans scored"),
        Column("exposure", Real, "amount lent", "USD", nullable=False, low=0),
        Column("expected_defaults", Real, "sum of the PDs within twelve months", "loans", nullable=False, low=0),
        Column("expected_loss", Real, "sum of PD within twelve months, amount and the policy's loss given default",
               "USD", nullable=False, low=0),
        _rows("matured", meaning="loans observed for twelve months at least"),
        Column("matured_expected_defaults", Real, "sum of their PDs within twelve months", "loans", nullable=False,
               low=0),
        _rows("matured_defaults", meaning="their defaults within twelve months"),
    ),
    primary=("vintage", "term_months", "purpose", "band", "decision"),
    partition="vintage",
)  # fmt: skip

SERVING_LOSS_DRAWS = Table(
    ("serving", "loss_draws"),
    "Expected loss and defaults of every segment by draw of the posterior: intervals of any sum come from here. "
    "Draws of different models with one number are alike in the level of risk, so sums over vintages add number by "
    "number.",
    (
        *_segment,
        _rows("loans", meaning="loans scored"),
        Column("exposure", Real, "amount lent", "USD", nullable=False, low=0),
        _vector("expected_defaults", meaning="sum of the PDs within twelve months, by draw", unit="loans"),
        _vector("expected_loss", meaning="sum of PD within twelve months, amount and loss given default, by draw",
                unit="USD"),
    ),
    primary=("vintage", "term_months", "purpose"),
    partition="vintage",
)  # fmt: skip

SERVING_DEFAULT_CURVES = Table(
    ("serving", "default_curves"),
    "Share of a vintage that has defaulted by month on book: as observed, and as the posterior expected it.",
    (
        _vintage,
        Column("model_date", Day, "as-of date of the model; empty when no good model is dated before the vintage",
               "month"),
        Column("term_months", Whole, "number of monthly instalments", "months", "key", nullable=False, low=1),
        Column("month", Whole, "month on book", "months", "key", nullable=False, low=1),
        _rows("loans", meaning="loans of the vintage with this term"),
        _rows("at_risk", meaning="loans on book at the start of the month and observed to its end"),
        _rows("defaults", meaning="their defaults in the month"),
        Column("observed", Real, "cumulative share defaulted, repayment as the other cause; empty once nobody is "
               "observed that long", "share", low=0, high=1),
        Column("expected", Real, "mean over the draws of the cumulative share; empty without a model", "share", low=0,
               high=1),
        Column("draws", pl.List(pl.Float32), "cumulative share expected, by draw; empty without a model", "share"),
    ),
    primary=("vintage", "term_months", "month"),
    partition="vintage",
)  # fmt: skip

SERVING_ROLL_RATES = Table(
    ("serving", "roll_rates"),
    "Customers of the stream by days past due at the end of one month and of the next.",
    (
        Column("month", Day, "the month rolled into", "month", "key", nullable=False),
        Column("from_bucket", Text, "days past due at the end of the month before", "days", "key", nullable=False,
               allowed=BUCKETS),
        Column("to_bucket", Text, "days past due at its end", "days", "key", nullable=False, allowed=BUCKETS),
        _rows("customers", meaning="customers who rolled so"),
    ),
    primary=("month", "from_bucket", "to_bucket"),
)  # fmt: skip

SERVING_QUARANTINE = Table(
    ("serving", "quarantine"),
    "What was rejected and why: rows by source and reason, of loan files and of the stream.",
    (
        Column("source", Text, "file or topic", "", "key", nullable=False),
        Column("reason", Text, "why the rows were rejected", "", "key", nullable=False),
        _rows("rows", meaning="rejected rows; a row with two reasons counts under both"),
        Column("newest", Text, "where the newest of them stands: line of the file, or partition and offset",
               nullable=False),
        _instant("newest_at", meaning="when the newest event was committed; empty for files"),
    ),
    primary=("source", "reason"),
)  # fmt: skip

TABLES = {
    table.key: table
    for table in (
        RAW_LOANS, RAW_LOANS_QUARANTINE, RAW_LOANS_LEDGER, FEATURES_LOANS,
        MODELS_BINNING, MODELS_REFERENCE, MODELS_EVIDENCE, MODELS_LOGISTIC, MODELS_BOOSTING, MODELS_POSTERIOR,
        MODELS_PARAMETERS, MODELS_MOMENTS, MODELS_DIAGNOSTICS, MODELS_BACKTEST, MODELS_COMPARISON, MODELS_BEHAVIOUR,
        SCORES_LOANS, SCORES_LINEAGE, RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE,
        SERVING_SEGMENTS, SERVING_LOSS_DRAWS, SERVING_DEFAULT_CURVES, SERVING_ROLL_RATES, SERVING_QUARANTINE,
    )
}  # fmt: skip
