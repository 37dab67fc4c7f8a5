"""From raw loans to decisions with uncertainty: one word in five places.

raw/         loans as booked; parsers; quarantine; ledger
features/    what was known at application, and the outcome as far as observed
models/      bins, evidence per vintage, posterior beside logistic and boosting; diagnostics; comparison
scores/      PD with interval, points, band, reasons and decision
monitoring/  drift, calibration, performance under label delay, agreement of rules, alerts
portfolio/   expected loss, IFRS 9 stages, loss distribution
streaming/   events from Kafka to live scores, exactly once
archive/     raw events and reports on any S3-compatible store, with manifests; restoring them
serving/     the newest risk of everyone in PostgreSQL: schema, writer, questions
simulation/  loan book with known truth
local/       the one-machine stack: demo, development broker, PostgreSQL
resources/   the only doors to the outside: the lake (Delta), the archive, their object stores

contracts/ declares every table, partitions.py the time axis, definitions.py composes.
"""
