"""What borrowers do month by month, as events of the stream, around the life their loans are known to have.

Hidden stress of a month runs from 0 to 1: 1 while payments fall behind on the way to default, and it
builds up over the six months before; half of that where the borrower will catch up again. Spikes of
utilisation and inquiries grow likelier with stress, and from borrower to borrower, so they warn of a
default before a payment is missed, and often of nothing. Every draw is a digest of seed, loan, month
and what is drawn: events do not depend on which other loans or months are simulated with them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.simulation.draws import Flags, Reals, Wholes, logistic
from creditrisk_assets.simulation.panel import PANEL_STATES

LEAD_MONTHS = 6
"""Months before the first missed payment in which stress builds up; `panel` should reach as far ahead."""
SPIKE, INQUIRY = (-3.2, 2.6, 0.8), (-2.9, 1.6, 0.7)
"""Log-odds a month: at no stress, added by full stress, and standard deviation between borrowers."""
CUT, RAISE = 0.12, 0.02
"""Chance a month of a lower line while payments are missed, of a higher one without stress."""
COLUMNS = ("customer_id", "event_id", "event_type", "event_time", "amount", "days_past_due", "utilisation",
           "credit_line")  # fmt: skip
_SCHEMA = {name: RAW_EVENTS.schema[name] for name in COLUMNS}
_DAYS = np.array([0, 10, 25, 45, 75, 105, 130])
"""Days past due that a band of the panel stands for."""
_LATE = [PANEL_STATES.index(state) for state in ("grace", "late 16-30", "late 31-120", "default", "charged off")]
_LOST = [PANEL_STATES.index(state) for state in ("default", "charged off")]
_REPAID = [PANEL_STATES.index(state) for state in ("prepaid", "paid at term")]
_RECOVERED = PANEL_STATES.index("recovered")


def customer_of(loan: pl.Expr | pl.Series) -> Any:
    """Identifier of the customer who holds a simulated loan."""
    return "C" + loan.cast(pl.String)


def hidden_stress(panel: pl.DataFrame) -> Reals:
    """Stress from 0 to 1 of every row of `panel`, shape (rows,). Stress builds up towards what the panel shows."""
    state, loan = panel["state"].to_physical().to_numpy(), panel["id"].to_numpy()
    late = np.isin(state, _LATE)
    new_loan = np.append(True, loan[1:] != loan[:-1])
    begins = late & (new_loan | ~np.append(False, late[:-1]))
    spell = begins.cumsum() - 1
    # How much a spell of arrears weighs: all of it when it ends in default.
    lost = np.bincount(spell[late], np.isin(state[late], _LOST), begins.sum()) > 0
    weight = np.append(np.where(lost, 1.0, 0.5), 0.0)
    rows = np.arange(len(state))
    ahead = np.minimum.accumulate(np.where(begins, rows, len(state))[::-1])[::-1]
    coming = np.append(spell, len(weight) - 1)[ahead]
    same = np.append(loan, -1)[ahead] == loan
    closeness = np.where(same, np.maximum(0.0, 1 - (ahead - rows) / (LEAD_MONTHS + 1)), 0.0)
    stress: Reals = np.where(late, weight[np.where(late, spell, -1)], weight[coming] * closeness)
    return stress


def activity(panel: pl.DataFrame, loans: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Events (columns of raw/events that activity has) of the months of `panel`, in no particular order.

    `loans`: id and instalment (USD). A month has one payment event until the loan is lost or closed: made, or
    missed with the days past due; and perhaps a spike, an inquiry, a change of the line.
    """
    stress = hidden_stress(panel)
    panel = panel.join(loans.select("id", "instalment"), on="id", how="left", maintain_order="left")
    state, days = (panel[name].to_physical().to_numpy() for name in ("state", "days_past_due"))
    luck = _Luck(seed, panel["id"].to_numpy().astype(np.uint64), panel["month_on_book"].to_numpy())
    open_still = ~np.isin(state, [*_LOST, *_REPAID, _RECOVERED])
    late = np.isin(state, _LATE)
    due = (panel["month_on_book"] > 0).to_numpy() & (state != _RECOVERED) & ~_lost_before(panel, state)
    line = _line(panel, luck, cut=late & (luck.month(1) < CUT), raised=(stress == 0) & (luck.month(1) < RAISE))
    parts = [
        _events(panel, luck, due & ~late, "payment_made", 2, {"amount": panel["instalment"], "days_past_due": 0}),
        _events(panel, luck, due & late, "payment_missed", 2,
                {"amount": panel["instalment"], "days_past_due": pl.Series(_DAYS[days])}),
        _events(panel, luck, open_still & (luck.month(3) < luck.chance(SPIKE, stress, 4)), "utilisation_spike", 5,
                {"utilisation": pl.Series(0.8 + 0.15 * luck.month(6) + 0.15 * stress * luck.month(7))}),
        _events(panel, luck, open_still & (luck.month(8) < luck.chance(INQUIRY, stress, 9)), "credit_inquiry", 10, {}),
        _events(panel, luck, open_still & line[1], "credit_line_change", 11, {"credit_line": pl.Series(line[0])}),
    ]  # fmt: skip
    return pl.concat(parts)


class _Luck:
    """Uniform numbers of a loan, and of a loan's month, by purpose."""

    def __init__(self, seed: int, loan: npt.NDArray[np.uint64], month: npt.NDArray[np.uint8]) -> None:
        self._seed, self._loan, self._month = np.uint64(seed), loan, month.astype(np.uint64)

    def loan(self, purpose: int) -> Reals:
        """The same in every month."""
        return _uniform(self._loan, np.uint64(purpose << 8 | 0xFF), self._seed)

    def month(self, purpose: int) -> Reals:
        """Another one every month."""
        return _uniform(self._loan, self._month | np.uint64(purpose << 8), self._seed)

    def chance(self, odds: tuple[float, float, float], stress: Reals, purpose: int) -> Reals:
        """Chance of a month by stress and by borrower."""
        share = self.loan(purpose)
        # The logit of a uniform has a standard deviation of 1.81.
        return logistic(odds[0] + odds[1] * stress + odds[2] * np.log(share / (1 - share)) / 1.81)


def _uniform(*keys: Any) -> Reals:
    """Numbers strictly between 0 and 1 from whole ones (splitmix64, Steele, Lea and Flood 2014)."""
    mixed = np.uint64(0)
    with np.errstate(over="ignore"):
        for key in keys:
            mixed = mixed + key + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray(((mixed >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)


def _lost_before(panel: pl.DataFrame, state: Wholes) -> Flags:
    """Was the loan lost in an earlier row? Its first lost month still misses a payment."""
    lost = np.isin(state, _LOST)
    return np.append(False, lost[:-1] & (panel["id"].to_numpy()[1:] == panel["id"].to_numpy()[:-1]))


def _line(panel: pl.DataFrame, luck: _Luck, cut: Flags, raised: Flags) -> tuple[Reals, Flags]:
    """Credit line (USD, in tens) of every row, and whether it changes in that month."""
    size = luck.month(12)
    step = np.where(cut, np.log(0.4 + 0.4 * size), np.where(raised, np.log(1.1 + 0.4 * size), 0.0))
    path = pl.Series(step).to_frame("step").select(pl.col("step").cum_sum().over(panel["id"])).to_series().to_numpy()
    share = luck.loan(13)
    first = np.exp(8.7 + 0.35 * np.log(share / (1 - share)))
    return 10 * np.round(first * np.exp(path) / 10), cut | raised


def _events(
    panel: pl.DataFrame, luck: _Luck, where: Flags, kind: str, purpose: int, told: dict[str, Any]
) -> pl.DataFrame:
    """The events of one kind in the months chosen: at the loan's own day for payments, else at any time."""
    seconds = luck.month(purpose) * 86_400
    day = luck.loan(14) * 24 if kind.startswith("payment") else luck.month(purpose + 100) * 28
    moment = ((np.floor(day) * 86_400 + seconds) * 1e6).astype(np.int64)
    start = panel["month"].cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    time = start + pl.Series(moment).cast(pl.Duration("us"))
    frame = pl.DataFrame({"customer_id": customer_of(panel["id"]), "event_time": time})
    name = pl.format("{}-{}-{}", "customer_id", pl.col("event_time").dt.strftime("%Y%m"), pl.lit(kind))
    values = {column: told.get(column) for column in COLUMNS[4:]}
    frame = frame.with_columns(event_id=name, event_type=pl.lit(kind), **values)
    return frame.filter(pl.Series(where)).select(pl.col(column).cast(dtype) for column, dtype in _SCHEMA.items())
