"""The landing sensor: a new loan file materialises the vintages it holds."""

import time
from pathlib import Path

import dagster as dg

from creditrisk_assets.automation import RANGE_END, RANGE_START, close_vintages
from creditrisk_assets.raw.intake import vintages_of
from creditrisk_assets.raw.landing import new_files, parse_cursor, ranges, stamps, to_cursor
from creditrisk_assets.raw.sources import SourceError, find_files
from creditrisk_assets.resources.loan_files import LoanFiles


@dg.sensor(job=close_vintages, minimum_interval_seconds=30)
def landing(context: dg.SensorEvaluationContext, loan_files: LoanFiles) -> dg.SensorResult | dg.SkipReason:
    """Materialise the vintages of every loan file that is new, or has changed, since the last look."""
    try:
        files = find_files(loan_files.loans, Path(loan_files.landing))
    except SourceError as error:
        return dg.SkipReason(str(error))
    seen, now = parse_cursor(context.cursor), stamps(files)
    fresh = new_files(now, seen, time.time_ns())
    requests, refused = [], []
    for path in fresh:
        seen[str(path)] = now[str(path)]
        try:
            spans = ranges(vintages_of([path]), loan_files.book)
        except SourceError as error:
            refused.append(str(error))
            context.log.error(str(error))
            continue
        for first, last in spans:
            requests.append(
                dg.RunRequest(
                    run_key=":".join((str(path), *(str(part) for part in now[str(path)]), str(first))),
                    tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat(), "creditrisk/file": path.name},
                )
            )
    nothing = "; ".join(refused) or "no new loan files"
    return dg.SensorResult(
        run_requests=requests, cursor=to_cursor(seen), skip_reason=None if requests else dg.SkipReason(nothing)
    )
