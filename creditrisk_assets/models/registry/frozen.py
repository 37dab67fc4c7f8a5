"""A promoted posterior is kept as it was: training its model date anew does not change who decides."""

import hashlib
import io

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.registry.record import Model, promotions
from creditrisk_assets.resources.delta import Lake, LakeError

TABLES = (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS)
"""What a posterior is rebuilt from."""


def rows_of(lake: Lake, model: Model) -> list[pl.DataFrame]:
    """Rows of TABLES of one model, empty where it was never materialised."""
    mine = pl.col("feature_set") == model.feature_set
    return [
        lake.scan(table, [model.model_date]).filter(mine).sort(table.primary).collect()
        if lake.exists(table)
        else pl.DataFrame(schema=table.schema)
        for table in TABLES
    ]


def digest(rows: list[pl.DataFrame]) -> str:
    """Changes whenever a draw, a moment or the design does."""
    draws, moments, diagnostics = rows
    told = hashlib.sha256(draws.select("value").to_numpy().tobytes())
    for name in ("mean", "covariance"):
        told.update(moments[name].explode().to_numpy().tobytes())
    told.update("".join(diagnostics["design"]).encode())
    return told.hexdigest()


def freeze(lake: Lake, rows: list[pl.DataFrame]) -> str:
    """Keep a posterior beside the tables; its digest, by which `frozen` finds it."""
    name = digest(rows)
    for table, frame in zip(TABLES, rows, strict=True):
        packed = io.BytesIO()
        frame.write_parquet(packed)
        lake.put_bytes(_place(name, table.key[1]), packed.getvalue())
    return name


def frozen(lake: Lake, model: Model) -> ModelTables | None:
    """A promoted posterior as it was when last promoted; None for one that never was. LakeError when it is lost."""
    mine = [one for one in promotions(lake) if one.model == model]
    if not mine:
        return None
    try:
        packed = [lake.get_bytes(_place(mine[-1].posterior, table.key[1])) for table in TABLES]
    except FileNotFoundError as error:
        raise LakeError(
            f"the posterior {model}, promoted {mine[-1].promoted_at:%Y-%m-%d %H:%M} UTC, is kept no more: restore "
            f"artifacts/models/promoted/{mine[-1].posterior}, or promote another"
        ) from error
    return ModelTables(*(pl.read_parquet(io.BytesIO(one)).lazy() for one in packed))


def _place(name: str, table: str) -> str:
    return f"models/promoted/{name}/{table}.parquet"
