"""Tables of the monitoring stage."""

from dataclasses import replace
from functools import partial

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import MODEL_DATE, VINTAGE, Flag, Real, Text, Whole, rows, share

_model = replace(MODEL_DATE, meaning="as-of date of the model that scored the vintage", known="derived")
_defaults = partial(Column, dtype=Real, unit="defaults", nullable=False, low=0)
_ratio = partial(Column, dtype=Real, unit="ratio", low=0)
_maybe = partial(share, nullable=True)
_light = Column(
    "light", Text, "amber or red where observed over expected is beyond 5 % or 10 % from one and significant, else "
    "green; empty while no default was possible", allowed=("green", "amber", "red"),
)  # fmt: skip
_so_far = (
    rows("loans", meaning="loans scored"),
    rows("tried", meaning="loans observed for five months at least: before, none can have defaulted"),
    rows("observed", meaning="defaults as far as observed"),
    _defaults("expected", meaning="defaults expected as far as each loan was observed, mean over the draws"),
    _defaults("expected_low", meaning="5 % of the expected defaults over the draws"),
    _defaults("expected_high", meaning="95 % of the expected defaults over the draws"),
    _ratio("ratio", meaning="observed over expected defaults; empty while none is expected"),
)

MONITORING_CALIBRATION = Table(
    ("monitoring", "calibration"),
    "Observed against expected defaults of a vintage as far as observed, by risk band and by decile of the PD.",
    (
        VINTAGE,
        _model,
        Column("split", Text, "how the loans are grouped", "", "key", nullable=False,
               allowed=("all", "band", "decile")),
        Column("group", Whole, "risk band 1 to 8, decile of the PD 1 (lowest) to 10, or 0 for all loans", "", "key",
               nullable=False, low=0, high=10),
        *_so_far,
        _maybe("rate", meaning="observed defaults over loans tried"),
        _maybe("rate_low", meaning="5 % of the rate given what was observed (Jeffreys)"),
        _maybe("rate_high", meaning="95 % of the rate given what was observed (Jeffreys)"),
        _maybe("p_value", meaning="Jeffreys test of the mean PD: small where it is too low, near one where too high"),
        replace(_light, meaning=_light.meaning + "; significance is shared by the groups of a split"),
        rows("matured", meaning="loans observed for twelve months at least"),
        _defaults("matured_expected", meaning="sum of their PDs within twelve months"),
        rows("matured_observed", meaning="their defaults within twelve months"),
        _maybe("matured_p_value", meaning="Jeffreys test of their mean PD within twelve months"),
    ),
    primary=("vintage", "split", "group"),
    partition="vintage",
)  # fmt: skip

MONITORING_PERFORMANCE = Table(
    ("monitoring", "performance"),
    "How right the posterior is about each vintage it scored: by hazard with all loans, as far as known, beside what "
    "resolved loans alone would claim; scores of matured loans, and the alarm of early defaults.",
    (
        VINTAGE,
        _model,
        *_so_far,
        _ratio("ratio_low", meaning="5 % of the ratio: chance of the count and uncertainty of the expectation"),
        _ratio("ratio_high", meaning="95 % of the ratio"),
        _maybe("p_value", meaning="predictive mid-p chance of more defaults, with the vintage effect a forecast"),
        _light,
        Column("months_observed", Whole, "months on book observed of the loans observed for the shortest time",
               "months", nullable=False, low=0),
        rows("resolved", meaning="loans defaulted or repaid as far as observed"),
        rows("resolved_observed", meaning="defaults among them"),
        _defaults("resolved_expected", meaning="sum of their PDs within the term"),
        _ratio("resolved_ratio", meaning="observed over expected of resolved loans alone: how far waiting for "
               "resolution misleads"),
        rows("matured", meaning="loans observed for twelve months at least"),
        share("maturity_share", meaning="matured loans over loans"),
        rows("matured_observed", meaning="their defaults within twelve months"),
        _defaults("matured_expected", meaning="sum of their PDs within twelve months"),
        _ratio("matured_ratio", meaning="observed over expected of matured loans"),
        Column("spiegelhalter_z", Real, "Spiegelhalter's z of matured loans: standard normal under right PDs of "
               "independent loans"),
        _maybe("brier", meaning="Brier score of matured loans"),
        _maybe("reliability", meaning="part of it by miscalibrated deciles, to be added"),
        _maybe("resolution", meaning="part of it by deciles with unequal default rates, to be taken away"),
        _maybe("uncertainty", meaning="part of it by the default rate itself, to be added"),
        _maybe("within_variance", meaning="part of it by PDs that differ within deciles, to be added"),
        Column("within_covariance", Real, "part of it by PDs that are right to differ within deciles, to be taken "
               "away", low=-1, high=1),
        _maybe("auc", meaning="area under the ROC curve of matured loans; empty where all share one outcome"),
        Column("log_loss", Real, "mean negative log-likelihood of matured loans", "nats", low=0),
        Column("early_months", Whole, "first months on book that early defaults are counted in, as far as observed",
               "months", nullable=False, low=0),
        rows("early_defaults", meaning="defaults within those months"),
        _defaults("early_expected", meaning="their expectation"),
        Column("early_low", pl.Int64, "5 % of their predictive distribution", "defaults", nullable=False, low=0),
        Column("early_high", pl.Int64, "95 % of their predictive distribution", "defaults", nullable=False, low=0),
        _maybe("early_p_value", meaning="predictive mid-p chance of more of them; empty before the first trial"),
        _maybe("false_alarm_rate", meaning="chance of an alarm though the posterior is right"),
        Column("alarm", Flag, "more early defaults than the posterior can account for", nullable=False),
    ),
    primary=("vintage",),
    partition="vintage",
)  # fmt: skip
