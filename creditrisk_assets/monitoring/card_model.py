"""What a model card says of the model itself: purpose, data, likelihood, priors, gates, limits. See docs/model.md."""

from datetime import date
from typing import Any

from creditrisk_assets.models import priors
from creditrisk_assets.models.artifacts import LEAST, MOST, failed_gates, predictive
from creditrisk_assets.models.binning import CATEGORIES, NUMERICS
from creditrisk_assets.models.certificate import FEWEST_EFFECTIVE
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.plots import coefficients_png, vintages_png
from creditrisk_assets.monitoring.card_facts import Facts
from creditrisk_assets.monitoring.document import Block, Formula, Grid, Listing, Picture, Section, Text

LIKELIHOOD = """logit h(i, k) = baseline[b(k)] + shape[term(i), b(k)] + x(i)'beta + purpose[i] + state[i] + vintage[i]
log L = sum over loans i and months k = 5, 6, ..., last one observed of  d(i, k) logit h(i, k) - log(1 + exp(logit h))
PD(H) = sum over k <= H of S(k-1) h(k),    S(k) = S(k-1) (1 - h(k)) (1 - r(k)),    r: hazard of repayment"""


def purpose(found: Facts) -> Section:
    """What the posterior is for, and of whom."""
    design, model = found.posterior.design, found.known.model
    names = ", ".join(design.binning.names)
    priced = "with the lender's price" if model.feature_set.endswith("price") else "without the lender's price"
    return Section("Purpose and population", (
        Text("Gives every loan and application a probability of default (PD) within twelve months and within its "
             "term, each with an interval, up to four reasons and a decision of the policy. Default: charged off, or "
             "120 days late."),
        Text(f"Population: unsecured instalment loans that the lender accepted, issued {_span(design)}; learned from "
             f"{found.diagnostics['loans']:,.0f} of them, those observed for five months at least. Loans it refused "
             "are not seen."),
        Text(f"Features ({model.feature_set}, {priced}): {names}. What is known only after application is refused "
             "by contract."),
    ))  # fmt: skip


def _span(design: Design) -> str:
    if not design.vintages:
        return "in no vintage at all"
    return f"{design.vintages[0]:%Y-%m} to {design.vintages[-1]:%Y-%m}"


def data(found: Facts) -> Section:
    """Window, counts, and versions of everything it was made of."""
    told, wrote = found.diagnostics, found.wrote
    beyond = "earlier than the log of the table reaches back"
    kept = "kept as promoted, beside the tables" if found.known.promoted else beyond
    rows = (
        ("known until", f"before {found.known.model.model_date}: nothing of that month or later"),
        ("vintages", f"{told['vintages']:,} ({_span(found.posterior.design)})"),
        ("loans / loan-months / defaults",
         f"{told['loans']:,} / {told['trials']:,.0f} / {told['defaults']:,}"),
        ("posterior", found.known.posterior),
        ("models/posterior", f"version {found.posterior_version} when this card was written"),
        ("written", f"{wrote.written:%Y-%m-%d %H:%M} UTC as version {wrote.version}" if wrote else kept),
        ("run of Dagster", (wrote.run_id if wrote else "") or "not noted"),
        ("features/loans", f"version {found.features_version} then" if found.features_version is not None else kept),
        ("models/reference", f"{told['reference']} (bins, bands of months, point of expansion)"),
        ("bins", found.posterior.design.binning.version),
    )  # fmt: skip
    return Section("Data", (Grid(("what", "which"), rows),))


def likelihood() -> Section:
    """The model in one formula."""
    return Section("Likelihood", (
        Text("A discrete hazard by month on book, grouped data of right-censored lives; repayment is the competing "
             "cause (Kalbfleisch and Prentice, 2002)."),
        Formula(LIKELIHOOD),
    ))  # fmt: skip


def prior() -> Section:
    """Every prior with its width, from models/priors.py."""
    scale = f"tau ~ HalfNormal({priors.GROUP_SCALE:g})"
    persistence = f"Beta({priors.PERSISTENCE_ALPHA:g}, {priors.PERSISTENCE_BETA:g})"
    rows = (
        ("baseline of a month", _normal(priors.BASELINE_MEAN, priors.BASELINE_SCALE), ".02 to 2.8 % of loans a month"),
        ("baseline of a whole term", _normal(priors.TERM_MEAN, priors.BASELINE_SCALE), "1 to 61 % a term"),
        ("shape of a term, per band", _normal(0, priors.SHAPE_SCALE), "what a term has beside its effect"),
        ("effects, per standard deviation", _normal(0, priors.EFFECT_SCALE), "sceptical: small windows say little"),
        ("purpose, state", f"N(0, tau²), {scale}", "sparse levels borrow from the others"),
        ("vintage", f"AR(1), standard deviation {scale}, persistence ~ {persistence}", "published: .1 to .3 in logit"),
    )
    why = "docs/model.md says why, docs/decisions/002-training-window.md how their widths were measured."
    return Section("Priors", (Grid(("parameter", "prior", "reason"), rows), Text(why)))


def _normal(mean: float, scale: float) -> str:
    return f"N({mean:g}, {scale:g}²)"


def gates(found: Facts) -> Section:
    """Diagnostics beside their limits, and how well it foretells each vintage from the others."""
    told = found.diagnostics
    rows = [(name, f"at least {limit:g}", f"{told[name]:.4g}", _verdict(told[name] >= limit))
            for name, limit in LEAST.items()]  # fmt: skip
    rows += [(name, f"at most {limit:g}", f"{told[name]:.4g}", _verdict(told[name] <= limit))
             for name, limit in MOST.items()]  # fmt: skip
    rows += [("gap to the stated density", "at most 1e-6 nats", f"{told['disagreement']:.2g}", "part of the verdict"),
             ("Pareto k-hat", "below min(1 - 1/log10 S, .7)", f"{told['k_hat']:.2f}", "part of the verdict"),
             ("effective draws of the certificate", f"at least {FEWEST_EFFECTIVE:g}", _count(told["certificate_ess"]),
              "part of the verdict")]  # fmt: skip
    verdict = "Every gate passed."
    if not told["passed"]:
        verdict = f"It did not pass: {'; '.join(_failures(found))}. It never scores."
    blocks: list[Block] = [
        Text(f"{verdict} Method: {told['method']}."),
        Grid(("gate", "limit", "value", "verdict"), tuple(rows)),
        *_foretold(found),
        Picture("Strongest effects with 90 % intervals", coefficients_png(found.posterior.summary())),
    ]
    return Section("Diagnostics and gates", tuple(blocks))


def _verdict(passed: bool) -> str:
    return "passed" if passed else "failed"


def _count(value: float | None) -> str:
    return "not weighted" if value is None else f"{value:,.0f}"


def _failures(found: Facts) -> list[str]:
    return failed_gates(found.known.tables.diagnostics.collect())


def _foretold(found: Facts) -> list[Block]:
    """Leave-vintage-out and leave-future-out: shares of vintages inside their 90 % intervals."""
    figures: dict[str, Any] = predictive(found.backtest) if not found.backtest.is_empty() else {"vintages": 0}
    if not figures["vintages"]:
        return [Text("There is no backtest of its vintages (models/backtest).")]
    shares = (("the posterior", "held_posterior"), ("all other vintages", "held_left_out"),
              ("earlier vintages only", "held_future"))  # fmt: skip
    said = "; ".join(f"by {told} {figures[name]:.0%}" for told, name in shares)
    return [
        Text(f"Of {figures['vintages']} vintages, inside their 90 % interval: {said}."),
        Picture("Defaults per 1,000 loan-months: observed, and foretold by all other vintages",
                vintages_png(found.backtest)),
    ]  # fmt: skip


def limits(found: Facts) -> Section:
    """What it must not be used for, and what this very one does not know."""
    design = found.posterior.design
    asked = (*NUMERICS[design.feature_set], *CATEGORIES)
    dropped = [name for name in asked if name not in design.binning.names]
    shown = ", ".join(dropped) or "none"
    newest: date | None = design.vintages[-1] if design.vintages else None
    forecast = f"Vintages after {newest:%Y-%m} are a forecast of its AR(1)" if newest else "All vintages are a forecast"
    return Section("Limits", (Listing((
        "Ranks about as well as logistic regression: the gain is in intervals, young loans, sparse groups, vintages.",
        f"{forecast}; no AR(1) foresees a turn, and after a drift it was off by up to 26 %.",
        "Knows the age of a loan, not the season or the economy of a month.",
        "Odds are proportional but for the term, effects linear in bin means, without interactions.",
        "Repayment does not depend on the borrower and carries no uncertainty of its own.",
        "Applicants unlike those accepted so far are beyond its data.",
        f"Features its window did not show, and that it therefore ignores: {shown}.",
    )),))  # fmt: skip
