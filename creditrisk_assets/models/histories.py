"""A history of behaviour from files: `events.parquet` and `landmarks.parquet` in one folder.

Events have the columns that activity has in raw/events. Landmarks, one per customer: customer_id, as_of,
log_odds and log_odds_variance (of default within twelve months by the application; empty where there
was none) and default_12m. Either may hold more columns. Broken rows are refused, never left out: whoever
keeps a history can mend it.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import MODELS_BEHAVIOUR, RAW_EVENTS, Instant
from creditrisk_assets.contracts.parts import Flag, Real, Text
from creditrisk_assets.features.behaviour import behaviour, facts
from creditrisk_assets.models.behaviour import BehaviourModel
from creditrisk_assets.models.landmarks import SEED, learn

EVENTS, LANDMARKS = "events.parquet", "landmarks.parquet"
_REQUIRED = ("event_id", "event_type", "event_time", "customer_id")
EVENT_COLUMNS = (
    *(Column(name, RAW_EVENTS.schema[name], RAW_EVENTS.column(name).meaning, nullable=False,
             allowed=RAW_EVENTS.column(name).allowed) for name in _REQUIRED),
    *(RAW_EVENTS.column(name) for name in ("days_past_due", "utilisation", "credit_line")),
)  # fmt: skip
LANDMARK_COLUMNS = (
    Column("customer_id", Text, "whom it concerns", nullable=False),
    Column("as_of", Instant, "up to when events are known", "UTC", nullable=False),
    Column("log_odds", Real, "log-odds of default within twelve months by the application", "log-odds"),
    Column("log_odds_variance", Real, "their variance", low=0),
    Column("default_12m", Flag, "default within twelve months of the landmark", nullable=False),
)


class HistoryError(ValueError):
    """A history that cannot be learned from; the message names file, column and remedy."""


def learn_history(folder: Path, *, seed: int = SEED) -> BehaviourModel:
    """The model of the history in a folder. HistoryError, and NothingToLearnError as `landmarks.learn`."""
    events, landmarks = read_history(folder)
    counts = behaviour(facts(events), landmarks)
    m0, v0 = (landmarks[name].fill_null(float("nan")).to_numpy() for name in ("log_odds", "log_odds_variance"))
    return learn(counts, m0, v0, landmarks["default_12m"].to_numpy(), seed=seed)


def read_history(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events, landmarks), of the declared columns. HistoryError names what is missing or broken."""
    events = _read(folder / EVENTS, EVENT_COLUMNS)
    landmarks = _read(folder / LANDMARKS, LANDMARK_COLUMNS)
    repeated = landmarks.filter(landmarks["customer_id"].is_duplicated())
    if repeated.height:
        raise HistoryError(f"{folder / LANDMARKS}: customer {repeated['customer_id'][0]!r} has more than one landmark; "
                           "keep one per customer")  # fmt: skip
    halves = landmarks.filter(pl.col("log_odds").is_null() != pl.col("log_odds_variance").is_null())
    if halves.height:
        raise HistoryError(f"{folder / LANDMARKS}: customer {halves['customer_id'][0]!r} has only one of log_odds and "
                           "log_odds_variance; give both or neither")  # fmt: skip
    return events, landmarks


def rows_of(model: BehaviourModel, folder: Path) -> pl.DataFrame:
    """The model as rows of models/behaviour."""
    row = {"version": model.version, "source": str(folder), "model": model.to_json(), **model.diagnostics}
    return MODELS_BEHAVIOUR.conform(pl.LazyFrame([row])).collect()


def model_of(rows: pl.DataFrame) -> BehaviourModel | None:
    """The model in rows of models/behaviour; None where there is none, or where it failed a gate."""
    good = rows.filter("passed")
    return BehaviourModel.from_json(good["model"][0]) if good.height else None


def _read(file: Path, columns: Sequence[Column]) -> pl.DataFrame:
    if not file.is_file():
        raise HistoryError(f"{file} does not exist: write it, or point CREDITRISK_HISTORY at the folder that holds it")
    try:
        frame = _typed(pl.read_parquet(file), file, columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HistoryError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    for column in columns:
        broken = frame.select(column.broken()).to_series()
        if broken.any():
            first = broken.to_list().index(True)
            found = f"{column.name} of row {first} is {frame[column.name][first]}, and {broken.sum()} rows are broken"
            raise HistoryError(f"{file}: {found}; it must be {column.rule or 'given'}")
    return frame


def _typed(frame: pl.DataFrame, file: Path, columns: Sequence[Column]) -> pl.DataFrame:
    if absent := [column.name for column in columns if column.name not in frame.columns]:
        raise HistoryError(
            f"{file} has no column {', '.join(absent)}: add it (creditrisk simulate history has them all)"
        )
    for column in columns:
        given = frame.schema[column.name]
        if column.dtype == Instant and not (isinstance(given, pl.Datetime) and given.time_zone):
            raise HistoryError(f"{file}: {column.name} is {given}; write instants with their time zone")
    return frame.select(pl.col(column.name).cast(column.dtype) for column in columns)
