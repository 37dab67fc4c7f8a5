"""Factors, values and decisions in words, from the contracts: what a person reads instead of a column's name."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, FEATURES_LOANS, RAW_LOANS, SCORES_LIVE
from creditrisk_assets.scores.policy import Policy
from creditrisk_assets.scores.scale import BAND_EDGES

BEHIND = {
    "log_loan_amount": FEATURES_LOANS.column("loan_amount"),
    "log_annual_income": RAW_LOANS.column("annual_inc"),
    "log_revolving_balance": RAW_LOANS.column("revol_bal"),
    "log_installment": RAW_LOANS.column("installment"),
    "sub_grade_rank": RAW_LOANS.column("sub_grade"),
}
"""Nobody thinks in logarithms or ranks: the column that such a factor was made of is shown instead."""
SHORT = {
    "log_loan_amount": "Amount", "log_annual_income": "Annual income", "loan_to_income": "Amount to income",
    "debt_to_income": "Debt to income", "fico": "FICO", "credit_history_months": "Credit history",
    "employment_years": "Employment", "delinquencies_2y": "Delinquencies, 2 years",
    "inquiries_6m": "Inquiries, 6 months",
    "months_since_delinquency": "Last delinquency", "months_since_record": "Last public record",
    "open_accounts": "Open accounts", "total_accounts": "Accounts ever", "public_records": "Public records",
    "bankruptcies": "Bankruptcies", "log_revolving_balance": "Revolving balance",
    "revolving_utilisation": "Utilisation", "term_months": "Term", "home_ownership": "Housing",
    "verification_status": "Income verified", "purpose": "Purpose", "addr_state": "State",
    "interest_rate": "Interest rate", "log_installment": "Instalment", "sub_grade_rank": "Sub-grade",
    "application": "The application itself", "days_past_due": "Days past due", "worst_12m": "Worst days past due",
    "missed_3m": "Payments missed, 3 months", "missed_12m": "Payments missed, 12 months",
    "paid_12m": "Payments made, 12 months", "spikes_3m": "Utilisation spikes, 3 months",
    "spikes_12m": "Utilisation spikes, 12 months", "utilisation": "Utilisation at newest spike",
    "credit_line": "Newest credit line", "inquiries_12m": "Inquiries, 12 months", "months_observed": "Months observed",
}  # fmt: skip
NEVER = ("months_since_delinquency", "months_since_record", "utilisation", "credit_line")
"""Factors whose empty value says that there was none."""
VERDICTS = {"approve": "Approved", "refer": "Referred to a person", "decline": "Declined"}
KINDS = {"loan": "Booked loan", "application": "Application", "behaviour": "Customer"}


def factor(name: str) -> str:
    """A factor for people; a name that no table declares, spelled."""
    return SHORT.get(name) or spelled(name)


def meaning(name: str) -> str:
    """What a factor is, as its contract says."""
    column = _column(name)
    return column.meaning if column is not None else spelled(name)


def value(name: str, row: Mapping[str, Any]) -> str:
    """The value of a factor in a row of features beside its raw columns, with its unit; empty where it has none."""
    column = _column(name)
    if column is None or column.name not in row:
        return ""
    told = row[column.name]
    if told is None:
        return "none" if name in NEVER else "not known"
    return with_unit(told, column.unit)


def with_unit(told: object, unit: str) -> str:
    """A value as people write it: $21,000, 33.1 %, 36 months."""
    if isinstance(told, str):
        return _name(told)
    if isinstance(told, bool) or not isinstance(told, int | float):
        return str(told)
    plain = f"{told:,.0f}" if float(told).is_integer() or abs(told) >= 1_000 else f"{told:,.1f}"
    if unit in ("months", "years", "days"):
        return f"{plain} {unit.removesuffix('s') if told == 1 else unit}"
    written = {"USD": f"${told:,.0f}", "percent": f"{plain} %", "percent a year": f"{plain} %", "ratio": f"{told:.2f}"}
    return written.get(unit, plain)


def _name(told: str) -> str:
    """A level in words; two capitals are a state."""
    return spelled(told) if told.islower() else told.capitalize() if told.isupper() and len(told) > 2 else told


def spelled(name: str) -> str:
    """A name of the data in words: debt_consolidation as Debt consolidation."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def percent(share: float, digits: int = 1) -> str:
    """A share in percent."""
    return f"{100 * share:.{digits}f} %"


def certain(probability: float) -> str:
    """A probability of the posterior in whole percent; never 0 % or 100 %, although a float may round to them."""
    if probability >= 0.995:
        return "more than 99 %"
    return "less than 1 %" if probability < 0.005 else percent(probability, 0)


def interval(low: float, high: float) -> str:
    """A credible interval in words."""
    digits = 2 if high < 0.01 else 1
    return f"{percent(low, digits)} to {percent(high, digits)}"


def reasoning(decision: str, probability: float, policy: Policy | None) -> str:
    """What the policy says of a decision and how sure of it the posterior is, in one sentence."""
    sure = certain(probability)
    if policy is None:
        return {"approve": f"The PD lies below the limit of approval with {sure} probability.",
                "decline": f"The PD lies above the limit of decline with {sure} probability.",
                }.get(decision, f"Neither side is sure enough: the likelier one has {sure}.")  # fmt: skip
    needed, low, high = percent(policy.confidence, 0), percent(policy.approve_below), percent(policy.decline_from)
    limits = low if low == high else f"{low} and {high}"
    return {
        "approve": f"The PD lies below {low} with {sure} probability; the policy asks for {needed}.",
        "decline": f"The PD lies at or above {high} with {sure} probability; the policy asks for {needed}.",
    }.get(
        decision,
        f"The posterior cannot tell: the likelier side of the limit ({limits}) has {sure}, "
        f"and the policy asks for {needed}. A person decides.",
    )


def band(number: int) -> str:
    """The PDs of a risk band: 2 % to 3 %."""
    low, high = (None, *BAND_EDGES)[number - 1], (*BAND_EDGES, None)[number - 1]
    edges = [f"{100 * edge:g} %" for edge in (low, high) if edge is not None]
    return " to ".join(edges) if len(edges) == 2 else f"below {edges[0]}" if low is None else f"{edges[0]} and more"


def ago(then: datetime, now: datetime) -> str:
    """How long ago something was: 12 s, 5 min, 3 h, 9 days, 2 years."""
    seconds = max(0.0, (now - then).total_seconds())
    for size, limit, unit in ((1, 60, "s"), (60, 3_600, "min"), (3_600, 86_400, "h")):
        if seconds < limit:
            return f"{seconds // size:.0f} {unit}"
    days = seconds / 86_400
    return f"{days:.0f} day{'s' if round(days) != 1 else ''}" if days < 730 else f"{days / 365.25:.0f} years"


def month(day: date) -> str:
    """A month as 2016-10."""
    return f"{day:%Y-%m}"


def _column(name: str) -> Column | None:
    if name in BEHIND:
        return BEHIND[name]
    for table in (FEATURES_LOANS, FEATURES_BEHAVIOUR, SCORES_LIVE):
        if name in table.schema:
            return table.column(name)
    return None
