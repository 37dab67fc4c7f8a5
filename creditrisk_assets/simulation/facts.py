"""The truth about a simulated book that is not per loan, for truth.json."""

from typing import Any

from creditrisk_assets.simulation import hazards, risk, seasons, states
from creditrisk_assets.simulation.dirt import count_kinds
from creditrisk_assets.simulation.draws import month_of
from creditrisk_assets.simulation.missing import rules
from creditrisk_assets.simulation.plan import Plan


def book_facts(plan: Plan, settings: dict[str, Any], auc: float, rows: int) -> dict[str, Any]:
    """Settings, coefficients, effects, drift, rules of missing values, true AUC, records and damage by kind."""
    faults = count_kinds(plan.damage)
    first = plan.drift.first
    return {
        "seed": plan.seed,
        "settings": settings | {"vintages": len(plan.vintages), "first_vintage": f"{plan.vintages[0]:%Y-%m}"},
        "observed_month": f"{month_of(plan.observed):%Y-%m}",
        "auc": auc,
        "drift": {
            "from": f"{first:%Y-%m}" if first else None,
            "logits": plan.drift.logits,
            "log_income": plan.drift.income,
        },
        "intercept": risk.INTERCEPT,
        "coefficients": risk.COEFFICIENTS,
        "home_effects": risk.HOME_EFFECTS,
        "purpose_effects": risk.PURPOSE_EFFECTS,
        "state_effects": plan.risk.state_effects,
        "vintage_effects": {f"{month:%Y-%m}": effect for month, effect in plan.risk.vintage_effects.items()},
        "life": _life_facts(plan),
        "missing": rules(),
        "loans_by_vintage": {f"{month:%Y-%m}": n for month, n in zip(plan.vintages, plan.volumes, strict=True)},
        "records": rows,
        "clean_records": rows - sum(faults.values()),
        "dirty_records": faults,
    }


def _life_facts(plan: Plan) -> dict[str, Any]:
    """What moves the loans from month to month."""
    calendar = plan.calendar
    macro = {f"{month_of(calendar.first + step):%Y-%m}": float(level) for step, level in enumerate(calendar.macro)}
    return {
        "humps": {str(term): hump for term, hump in hazards.HUMPS.items()},
        "first_prepayment": hazards.FIRST_PREPAYMENT,
        "last_prepayment": hazards.LAST_PREPAYMENT,
        "straight_share": states.STRAIGHT_SHARE,
        "plan_share": states.PLAN_SHARE,
        "first_cure": states.FIRST_CURE,
        "late_cure": states.LATE_CURE,
        "season_of_lateness": seasons.LATENESS.tolist(),
        "season_of_cures": seasons.CURES.tolist(),
        "season_of_prepayment": seasons.PREPAYMENT.tolist(),
        "macro_effects": macro,
    }
