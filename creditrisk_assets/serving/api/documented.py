"""The OpenAPI document: what is sent, made from the contract of raw/loans, and what is answered, with examples."""

from typing import Any

from pydantic import BaseModel

from creditrisk_assets.columns import Column
from creditrisk_assets.serving.api.submitted import MOST
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS, LONGEST_IDENTIFIER, OLD_NAMES

TOLD = {
    "loan_amnt": 10000, "term": " 36 months", "emp_length": "10+ years", "home_ownership": "RENT",
    "annual_inc": 52000, "verification_status": "Verified", "purpose": "credit_card", "addr_state": "AZ",
    "dti": 27.65, "fico_range_low": 670, "fico_range_high": 674, "earliest_cr_line": "Jan-1985", "delinq_2yrs": 0,
    "inq_last_6mths": 1, "open_acc": 3, "pub_rec": 0, "revol_bal": 13648, "revol_util": "83.7%", "total_acc": 9,
}  # fmt: skip
SENT = {"application_id": "a-1", "event_time": "2026-11-21T09:03:02Z", "payload": TOLD}
"""An application as an example."""


class Reason(BaseModel):
    """A factor that raises the risk, and what it adds to the log-odds of default."""

    factor: str
    contribution: float


class Model(BaseModel):
    """Which posterior said so."""

    feature_set: str
    model_date: str


class Flags(BaseModel):
    """What the rules say beside the model."""

    tier: str
    watchlist: bool
    reasons: list[str]


class Answer(BaseModel):
    """PDs within twelve months and within the term with their 90 % intervals, and what follows from them."""

    pd: float
    pd_low: float
    pd_high: float
    pd_term: float | None
    pd_term_low: float | None
    pd_term_high: float | None
    points: int
    band: int
    decision: str
    decision_probability: float
    policy: str
    reasons: list[Reason]
    model: Model
    flags: Flags | None
    rules: str | None


class Score(Answer):
    """The answer to one application."""

    application_id: str


class Wrong(BaseModel):
    """One thing that is wrong: where, what, and what to do about it."""

    loc: list[str | int]
    msg: str
    remedy: str


class Problem(BaseModel):
    """A request that is not served (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Wrong] | None = None


class Scored(BaseModel):
    """One application of a batch that was scored."""

    index: int
    score: Score


class Unfit(BaseModel):
    """One application of a batch that was not."""

    index: int
    errors: list[Wrong]


class Batch(BaseModel):
    """The good applications of a batch with their scores, the bad ones with their reasons, by position."""

    scored: list[Scored]
    refused: list[Unfit]


class Known(Answer):
    """A score that the lake holds of a loan, an application, or what a customer did."""

    kind: str
    subject: str
    as_of: str


class KnownScores(BaseModel):
    """Everything that is known under an identifier, newest first."""

    identifier: str
    scores: list[Known]


class InForce(BaseModel):
    """What answers now: the model, the limits of the policy, the rules, the scorecard scale."""

    model: Model
    policy: dict[str, str | float]
    rules: str
    scale: dict[str, float]
    features: list[str]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How refusals are documented."""
    from creditrisk_assets.serving.api.problems import MEDIA

    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")  # the answer to a batch brings them
    return {status: {"description": "Refused", "content": {MEDIA: {"schema": schema}}} for status in statuses}


def body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """What a route takes, for FastAPI's `openapi_extra`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def application() -> dict[str, Any]:
    """JSON schema of an application."""
    fields = {
        name: _schema(column)
        for column in APPLICATION_COLUMNS
        for name in (column.name, OLD_NAMES.get(column.name))
        if name is not None
    }
    identifier = {"type": "string", "minLength": 1, "maxLength": LONGEST_IDENTIFIER, "pattern": r"^[^\x00-\x1f\x7f]*$"}
    needed = [column.name for column in APPLICATION_COLUMNS if not column.nullable and not column.price]
    needed = [name for name in needed if name not in OLD_NAMES]
    return {
        "type": "object",
        "required": ["application_id", "payload"],
        "additionalProperties": False,
        "properties": {
            "application_id": identifier,
            "event_time": {"type": ["string", "null"], "format": "date-time", "description": "now, if left out"},
            "payload": {
                "type": "object", "required": needed, "additionalProperties": False, "properties": fields,
            },
        },
    }  # fmt: skip


def batch() -> dict[str, Any]:
    """JSON schema of a batch."""
    items = {"type": "array", "minItems": 1, "maxItems": MOST, "items": application()}
    return {
        "type": "object",
        "required": ["applications"],
        "additionalProperties": False,
        "properties": {"applications": items},
    }


def _schema(column: Column) -> dict[str, Any]:
    told = ", ".join(filter(None, (column.meaning, column.unit, column.rule)))
    if column.parse in ("number", "count"):
        limits = {"minimum": _limit(column.low), "maximum": _limit(column.high)}
        number = {"type": "number"} | {name: limit for name, limit in limits.items() if limit is not None}
        return {"description": told, "anyOf": [number, {"type": "string"}, {"type": "null"}]}
    return {"description": told, "type": ["string", "number", "null"]}


def _limit(limit: Any) -> float | None:
    return None if limit is None else float(limit)
