"""Who decides now, since when and why, and how others compare with it."""

from dataclasses import dataclass, field

from creditrisk_assets.contracts import FEATURE_SETS
from creditrisk_assets.models.registry.evidence import Evidence, evidence
from creditrisk_assets.models.registry.record import Model, Promotion, promotions
from creditrisk_assets.monitoring.challenger import MORE_IS_BETTER, Figures
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.challenger import challenging
from creditrisk_assets.scores.champion import deciding, newest_good

_POPULATIONS = {
    "as_scored": "every vintage by the models of its time",
    "these_models": "loans issued since both were trained",
}


@dataclass(frozen=True)
class Standing:
    """`champion` None: nobody decides. `promotion` None: nobody was promoted, the newest good posterior decides.

    `challenger` scores in shadow. `others`: the newest good posterior of every feature set that is not the champion,
    with what a promotion of it would put on record.
    """

    champion: Model | None
    promotion: Promotion | None
    challenger: Model | None
    others: dict[Model, Evidence] = field(default_factory=dict)


def standing(lake: Lake, values: Settings) -> Standing:
    """As the registry, the tables of models and the scores tell it now. LakeError, PolicyError as usual."""
    decides, known = deciding(lake, values), promotions(lake)
    newest = [newest_good(lake, name) for name in FEATURE_SETS]
    others = [model for model in newest if model is not None and model != decides]
    return Standing(
        decides,
        known[-1] if known else None,
        challenging(lake, values),
        {model: evidence(lake, values, decides, model) for model in others},
    )


def told(found: Standing) -> str:
    """The standing in words."""
    lines = [*_of_the_champion(found)]
    for model, figures in found.others.items():
        shadow = ", the challenger that scores in shadow" if model == found.challenger else ""
        lines += ["", f"{model}{shadow}"]
        for name, population in _POPULATIONS.items():
            if name in figures:
                lines += _compared(population, figures[name])
    if not found.others:
        lines += ["", "No other posterior has passed its gates."]
    return "\n".join(lines)


def _of_the_champion(found: Standing) -> list[str]:
    if found.champion is None:
        return ["Nobody decides: no posterior has passed its gates. Materialise models/posterior first."]
    made = found.promotion
    if made is None:
        why = "nobody was promoted so far, so the newest good posterior of CREDITRISK_FEATURE_SET does"
        return [f"{found.champion} decides: {why}."]
    before = f"; before: {made.previous}" if made.previous else ""
    return [
        f"{made.model} decides since {made.promoted_at:%Y-%m-%d %H:%M} UTC, promoted by {made.promoted_by} in run "
        f"{made.run_id}{before}",
        f"  {made.reason}",
    ]


def _compared(population: str, figures: Figures) -> list[str]:
    if not figures["loans"]:
        return [f"  {population}: none so far"]
    correlation = figures["rank_correlation"]
    lines = [
        f"  {population}: {figures['loans']:,} loans, {figures['differing']:.1%} decided otherwise, mean PD "
        f"{figures['challenger_pd']:.2%} against {figures['champion_pd']:.2%}"
        + ("" if correlation is None else f", rank correlation {correlation:.3f}"),
        f"    matured: {figures['matured']:,} with {figures['defaults']:,} defaults",
    ]
    return lines + [_measured(name, figures) for name in MORE_IS_BETTER if figures[f"{name}_difference"] is not None]


def _measured(name: str, figures: Figures) -> str:
    one, other = figures[f"champion_{name}"], figures[f"challenger_{name}"]
    difference = figures[f"{name}_difference"]
    said = f"    {name.replace('_', ' ')}: {other:.4f} against {one:.4f}, difference {difference:+.4f}"
    if figures[f"{name}_low"] is None:
        return f"{said}: too few loans to tell"
    winner = {"champion": "the champion is better", "challenger": "it is better", None: "could be chance"}
    ends = f"({figures[f'{name}_low']:+.4f} to {figures[f'{name}_high']:+.4f})"
    return f"{said} {ends}: {winner[figures[f'{name}_winner']]}"
