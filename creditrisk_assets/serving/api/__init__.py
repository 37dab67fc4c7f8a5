"""The scoring API: it answers what batch and stream would say of an application. No Dagster here."""
