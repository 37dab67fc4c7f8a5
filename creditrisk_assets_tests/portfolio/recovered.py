"""Defaulted loans with what came back of them."""

import numpy as np
import polars as pl

SCHEMA = {"loan_id": pl.String, "term": pl.Int64, "purpose": pl.String, "owed": pl.Float64, "recovered": pl.Float64}
NOBODY = pl.DataFrame(schema=SCHEMA)


def defaulted(owed: list[float], recovered: list[float], term: int = 36, purpose: str = "car") -> pl.DataFrame:
    names = [f"{term}-{purpose}-{i}" for i in range(len(owed))]
    return pl.DataFrame([names, [term] * len(owed), [purpose] * len(owed), owed, recovered], schema=SCHEMA)


def drawn(count: int, chance: float, share: float, seed: int = 1, **segment: object) -> pl.DataFrame:
    """Loans that recover anything with a chance, and then a share of what they owe, give or take."""
    random = np.random.default_rng(seed)
    owed = random.gamma(2, 4_000, count)
    shares = np.where(random.random(count) < chance, random.beta(share * 5, (1 - share) * 5, count), 0)
    return defaulted(owed.tolist(), (owed * shares).tolist(), **segment)  # type: ignore[arg-type]
