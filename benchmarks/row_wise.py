"""A consumer as tutorials write it: one message, one pandas row, one score, one insert. Used by `stream.py`."""

import json
import time
from collections.abc import Sequence
from typing import Any

from creditrisk_assets.contracts import APPLICATIONS

NUMBERS = ["loan_amnt", "annual_inc", "dti", "delinq_2yrs", "inq_last_6mths", "open_acc", "pub_rec", "revol_bal",
           "total_acc", "fico_range_low"]  # fmt: skip
LEVELS = ["term", "home_ownership", "purpose", "addr_state"]
TABLE = """
    DROP TABLE IF EXISTS row_wise;
    CREATE TABLE row_wise (
        event_id text PRIMARY KEY, application_id text, event_time timestamptz, pd double precision, decision text,
        kafka_partition int, kafka_offset bigint
    )
"""
INSERT = "INSERT INTO row_wise VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"


def fitted(rows: Sequence[str]) -> Any:
    """A scikit-learn pipeline on the applications themselves: its figures do not matter, its cost does."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.DataFrame([json.loads(row) for row in rows])
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    coded = make_column_transformer((numbers, NUMBERS), (OneHotEncoder(handle_unknown="ignore"), LEVELS))
    bad = [number % 7 == 0 for number in range(len(frame))]
    return make_pipeline(coded, LogisticRegression(max_iter=1_000)).fit(frame[NUMBERS + LEVELS], bad)


def consumed(bootstrap: str, url: str, rows: Sequence[str], events: int) -> tuple[float, float]:
    """(seconds, CPU seconds) an event, on some events of the topic of applications."""
    import pandas as pd
    import psycopg
    from kafka import KafkaConsumer

    model, count = fitted(rows), 0
    with psycopg.connect(url) as connection:
        connection.execute(TABLE)
        connection.commit()
        consumer = KafkaConsumer(
            APPLICATIONS, bootstrap_servers=[bootstrap], group_id="row-wise", auto_offset_reset="earliest"
        )
        next(consumer)  # it has joined its group
        wall, cpu = time.perf_counter(), time.process_time()
        for message in consumer:
            event = json.loads(message.value)
            row = pd.DataFrame([event["payload"]])
            row[NUMBERS] = row[NUMBERS].apply(pd.to_numeric, errors="coerce")
            chance = float(model.predict_proba(row[NUMBERS + LEVELS])[0, 1])
            decision = "approve" if chance < 0.1 else "decline" if chance > 0.3 else "review"
            told = (event["event_id"], event["application_id"], event["event_time"], chance, decision)
            connection.execute(INSERT, (*told, message.partition, message.offset))
            connection.commit()
            count += 1
            if count == events:
                break
        spent = (time.perf_counter() - wall) / events, (time.process_time() - cpu) / events
        consumer.close(autocommit=False)
    return spent


if __name__ == "__main__":
    print("part of benchmarks/stream.py: nothing to measure alone")
