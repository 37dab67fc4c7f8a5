"""Words of the contracts: levels, statuses, topics and what is counted of a customer."""

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
BAND_LABELS, MISSING_BAND = ("Low", "Moderate", "High", "Very High"), "Missing"
"""Bands of the rules from the bottom up, and the one of values that are missing."""
TIERS = ("Low", "Elevated", "Watchlist")
"""What the rules make of a loan, least risky first."""
