"""Tables of the models stage."""

from functools import partial

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import (
    FEATURE_SET,
    MODEL_DATE,
    VINTAGE,
    Day,
    Flag,
    Real,
    Text,
    Whole,
    rows,
    share,
    vector,
)

MODELS_LOGISTIC = Table(
    ("models", "logistic"),
    "The logistic benchmark, one row per feature set: design and coefficients as plain data.",
    (
        MODEL_DATE,
        FEATURE_SET,
        Column("model", Text, "design (means, scales, levels) and coefficients as JSON", nullable=False),
        rows("loans", meaning="loans in the training window"),
        rows("defaults", meaning="defaults among them"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_BINNING = Table(
    ("models", "binning"),
    "Bins of every feature, fitted on the training window of a model date and on nothing else.",
    (
        MODEL_DATE,
        FEATURE_SET,
        Column("factor", Text, "feature, category or group", nullable=False),
        Column("bin", Whole, "number of the bin, the code of a loan", nullable=False, low=0),
        Column("label", Text, "the bin in words; missing and unseen values have bins of their own", nullable=False),
        Column("lower", Real, "values of the bin start here; empty where open", "unit of the feature"),
        Column("upper", Real, "values of the bin end before this; empty where open", "unit of the feature"),
        Column("score", Real, "standardised mean of the bin, on which the model is linear", "standard deviations"),
        rows("loans", meaning="loans of the window in the bin"),
        rows("trials", meaning="loan-months at risk in the bin, as far as known at the model date"),
        rows("defaults", meaning="defaults in the bin, as far as known at the model date"),
    ),
    primary=("model_date", "feature_set", "factor", "bin"),
    partition="model_date",
)

MODELS_REFERENCE = Table(
    ("models", "reference"),
    "Where the evidence of a model date is expanded: its design, and one shared point of the coefficients.",
    (
        MODEL_DATE,
        FEATURE_SET,
        Column("version", Text, "changes whenever bins, bands or point do", nullable=False),
        Column("design", Text, "bins, bands of months, vintages and repayment as JSON", nullable=False),
        vector("point", meaning="shared coefficients at which evidence is expanded", unit="log-odds"),
        vector("covariance", meaning="their covariance, row by row: curvature is averaged over it"),
        vector("scales", meaning="likely group scales, where sampling starts", unit="log-odds"),
        rows("loans", meaning="loans in the training window"),
        rows("defaults", meaning="defaults among them, as far as known at the model date"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_EVIDENCE = Table(
    ("models", "evidence"),
    "What each vintage says about the coefficients: exact log-likelihood, gradient and information, additive.",
    (
        VINTAGE,
        MODEL_DATE,
        FEATURE_SET,
        Column("reference", Text, "version of the reference it was expanded at", nullable=False),
        Column("content", Text, "digest of the loans it was made of: bins, months and outcomes", nullable=False),
        Column("own", Real, "effect of the vintage itself at the expansion", "log-odds", nullable=False),
        Column("log_likelihood", Real, "exact log-likelihood of the vintage there", "nats", nullable=False),
        vector("gradient", meaning="its gradient by the shared coefficients"),
        vector("information", meaning="Fisher information of the shared coefficients, lower half row by row"),
        rows("loans", meaning="loans tried at least once by the model date"),
        rows("trials", meaning="their loan-months at risk by the model date"),
        rows("defaults", meaning="their defaults by the model date"),
    ),
    primary=("vintage", "model_date", "feature_set"),
    partition="vintage",
)

MODELS_BOOSTING = Table(
    ("models", "boosting"),
    "The gradient-boosting challenger, one row per feature set: trees as plain data.",
    (
        MODEL_DATE,
        FEATURE_SET,
        Column("model", Text, "features and trees as JSON", nullable=False),
        rows("loans", meaning="loans in the training window"),
        rows("defaults", meaning="defaults among them"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

MODELS_MOMENTS = Table(
    ("models", "moments"),
    "Mean and covariance of the posterior's coefficients: all that scoring needs.",
    (
        MODEL_DATE,
        FEATURE_SET,
        vector("mean", meaning="posterior mean of the coefficients in the order of the design", unit="log-odds"),
        vector("covariance", meaning="posterior covariance of the coefficients, row by row"),
    ),
    primary=("model_date", "feature_set"),
    partition="model_date",
)

_expected = partial(Column, dtype=Real, unit="defaults", nullable=False, low=0)

MODELS_BACKTEST = Table(
    ("models", "backtest"),
    "Every vintage of a training window predicted by the posterior, by all other vintages, and by earlier ones.",
    (
        MODEL_DATE,
        FEATURE_SET,
        VINTAGE,
        rows("loans", meaning="loans tried at least once by the model date"),
        rows("trials", meaning="their loan-months at risk"),
        rows("defaults", meaning="their defaults by the model date"),
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
        MODEL_DATE,
        FEATURE_SET,
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
        MODEL_DATE,
        FEATURE_SET,
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
        MODEL_DATE,
        FEATURE_SET,
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
        rows("loans", meaning="loans tried at least once by the model date"),
        Column("trials", Real, "their loan-months at risk", "loan-months", nullable=False, low=0),
        rows("defaults", meaning="defaults among them"),
        rows("vintages", meaning="vintages in the training window"),
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
        rows("customers", meaning="customers in the history, one landmark each"),
        rows("defaults", meaning="defaults among them within twelve months"),
        rows("cells", meaning="distinct rows the sampler saw"),
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
        MODEL_DATE,
        FEATURE_SET,
        Column("model", Text, "which model", "", "key", nullable=False, allowed=("posterior", "logistic", "boosting")),
        Column("outcomes", Text, "protocol of the comparison", "", "key", nullable=False,
               allowed=("as_known", "final")),
        Column("first_vintage", Day, "first test vintage", "month", nullable=False),
        Column("last_vintage", Day, "last test vintage", "month", nullable=False),
        rows("rows", meaning="test loans"),
        rows("bads", meaning="defaults among them"),
        share("auc", meaning="area under the ROC curve"),
        share("ks", meaning="Kolmogorov-Smirnov distance of goods and bads"),
        share("brier", meaning="mean squared error of the PD"),
        Column("log_loss", Real, "mean negative log-likelihood", "nats", nullable=False, low=0),
        share("mean_pd", meaning="mean predicted PD"),
        share("observed", meaning="observed default rate"),
    ),
    primary=("model_date", "feature_set", "model", "outcomes"),
    partition="model_date",
)  # fmt: skip
