"""Tables of the monitoring stage that tell whether the population has moved."""

from dataclasses import replace
from functools import partial

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import FEATURE_SET, MODEL_DATE, VINTAGE, Flag, Real, Text, Whole, rows, share

_model = replace(MODEL_DATE, meaning="as-of date of the model that scored the vintage", known="derived")
_set = replace(FEATURE_SET, known="derived")
_index = partial(Column, dtype=Real, nullable=False, low=0)
_maybe = partial(share, nullable=True)

MONITORING_DRIFT = Table(
    ("monitoring", "drift"),
    "How far each feature and the score of a vintage have moved from the training window of the model that scored it.",
    (
        VINTAGE,
        _model,
        _set,
        Column("feature", Text, "feature of the model, or score (log-odds without the vintage's own effect), or band",
               "", "key", nullable=False),
        Column("kind", Text, "what it is", nullable=False, allowed=("feature", "score")),
        Column("verdict", Text, "size of the PSI (watch from .10, drifted from .25), stable where chance alone may "
               "bring it about; a significant feature without any value has drifted", nullable=False,
               allowed=("stable", "watch", "drifted")),
        _index("psi", meaning="population stability index over the groups of bins"),
        _index("psi_expected", meaning="its mean if nothing has changed: small vintages move by chance"),
        _index("psi_high", meaning="its 95 % quantile if nothing has changed"),
        share("p_value", meaning="chance of such a PSI if nothing has changed"),
        share("p_adjusted", meaning="the same, adjusted for all features of the vintage (Holm)"),
        Column("significant", Flag, "the adjusted p-value is below .05", nullable=False),
        Column("groups", Whole, "groups of bins with loans then or now", "count", nullable=False, low=1),
        _index("psi_bins", meaning="PSI over the model's own bins, up to a hundred: noisier, see its expectation"),
        _index("psi_bins_expected", meaning="its mean if nothing has changed, by the chi-square law"),
        Column("csi", Real, "characteristic stability index: mean points of the vintage less those of the window",
               "points"),
        Column("csi_log_odds", Real, "the same in log-odds of default: above zero the vintage is riskier by it",
               "log-odds"),
        Column("csi_sd", Real, "standard deviation of it if nothing has changed", "log-odds", low=0),
        Column("moved", Text, "group of bins that adds most to the PSI", nullable=False),
        share("moved_then", meaning="its share of the training window"),
        share("moved_now", meaning="its share of the vintage"),
        _maybe("unknown_then", meaning="share of the window with a missing value, or a level not seen"),
        _maybe("unknown_now", meaning="share of the vintage with a missing value, or a level not seen"),
        Column("remark", Text, "what a reader must know beside the figures"),
        rows("loans", meaning="loans of the vintage"),
        rows("reference_loans", meaning="loans of the training window they are compared with"),
    ),
    primary=("vintage", "feature"),
    partition="vintage",
)  # fmt: skip

_leaned_on = (1, 2, 3)

MONITORING_POPULATION = Table(
    ("monitoring", "population"),
    "Whether a classifier can tell a vintage from the training window of the model that scored it, all features "
    "together.",
    (
        VINTAGE,
        _model,
        _set,
        _maybe("auc", meaning="AUC out of fold of telling the vintage from the window: one half means alike"),
        _maybe("auc_spread", meaning="its standard deviation if there is no difference, by permutation"),
        _maybe("p_value", meaning="chance of such an AUC if there is no difference, by permutation"),
        Column("distinguishable", Flag, "the p-value is at most .05; empty where not tested"),
        *(Column(f"feature_{n}", Text, f"feature whose absence costs the most AUC, rank {n}") for n in _leaned_on),
        *(_maybe(f"cost_{n}", meaning=f"AUC that its absence costs, rank {n}") for n in _leaned_on),
        Column("untested", Text, "why there was no test"),
        rows("loans", meaning="loans of the vintage that took part"),
        rows("reference_loans", meaning="loans of the training window that took part"),
    ),
    primary=("vintage",),
    partition="vintage",
)
