"""A card for every posterior, as Markdown and HTML: rows of monitoring/model_cards and files beside the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from creditrisk_assets.contracts import MONITORING_MODEL_CARDS
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring import card_evidence, card_model
from creditrisk_assets.monitoring.card_facts import Facts, facts
from creditrisk_assets.monitoring.document import Document
from creditrisk_assets.monitoring.posteriors import SHOWN, Known
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings


@dataclass(frozen=True)
class Card:
    """One card: a row of monitoring/model_cards, and the name of its files without their ending."""

    known: Known
    row: dict[str, object]
    file: str


def card(found: Facts) -> Document:
    """The card of one posterior."""
    one = found.known
    state = "passed its gates" if one.passed else "did NOT pass its gates"
    return Document(
        f"Model card: {one.name}",
        f"{found.role.capitalize()}; {state}. {found.diagnostics['loans']:,} loans, "
        f"{found.diagnostics['defaults']:,} defaults known before {one.model.model_date}. Next review: "
        f"{found.review.next.name}, {found.review.next.reading}.",
        (
            card_model.purpose(found), card_model.data(found), card_model.likelihood(), card_model.prior(),
            card_model.gates(found), card_evidence.out_of_time(found), card_evidence.monitoring(found),
            card_evidence.agreement(found), card_evidence.challenged(found), card_model.limits(found),
            card_evidence.governance(found), card_evidence.links(),
        ),
    )  # fmt: skip


def file_of(one: Known) -> str:
    """Where a card lies among the lake's artifacts, without its ending."""
    promoted = f"_promoted_{one.posterior[:SHOWN]}" if one.promoted else ""
    return f"model_cards/{one.model.model_date}_{one.model.feature_set}{promoted}"


def write_cards(
    lake: Lake, values: Settings, model_dates: Sequence[date] | None, owner: str, today: date
) -> list[Card]:
    """Cards of all posteriors of some model dates, of all for None, kept as files too; none where there is none.

    LakeError when a promoted posterior is lost.
    """
    made = []
    for found in facts(lake, values, model_dates, owner, today):
        one, document = found.known, card(found)
        made.append(Card(one, {
            "model_date": one.model.model_date, "feature_set": one.model.feature_set, "posterior": one.posterior,
            "promoted": one.promoted, "posterior_version": found.posterior_version,
            "features_version": found.features_version, "role": found.role, "owner": owner,
            "markdown": document.markdown(), "html": document.html(),
        }, file_of(one)))  # fmt: skip
        for ending in ("html", "markdown"):
            name = f"{made[-1].file}.{'md' if ending == 'markdown' else ending}"
            lake.put_bytes(name, str(made[-1].row[ending]).encode())
    return made


def rows_of_cards(made: Sequence[Card]) -> pl.DataFrame:
    """Rows of monitoring/model_cards."""
    frame = pl.LazyFrame([one.row for one in made], schema=dict(MONITORING_MODEL_CARDS.schema))
    return MONITORING_MODEL_CARDS.conform(frame).collect()


class NoCardError(LookupError):
    """There is no such card; the message says how to get it."""


def kept_card(lake: Lake, model: Model) -> dict[str, object]:
    """The row of monitoring/model_cards of a model: as promoted, where the lake has another posterior since.

    NoCardError where there is none.
    """
    if lake.exists(MONITORING_MODEL_CARDS):
        mine = pl.col("feature_set") == model.feature_set
        found = lake.scan(MONITORING_MODEL_CARDS, [model.model_date]).filter(mine).sort("promoted").collect()
        if not found.is_empty():
            return found.row(-1, named=True)
    raise NoCardError(
        f"there is no card of the posterior {model}: materialise monitoring/model_cards of {model.model_date}, and "
        f"models/posterior before, if there is none"
    )
