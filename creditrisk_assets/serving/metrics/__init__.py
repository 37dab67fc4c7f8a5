"""Metrics for Prometheus: state of PostgreSQL, the lake, Kafka and Dagster, read when asked and never pushed."""
