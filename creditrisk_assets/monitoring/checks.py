"""Checks of the monitoring stage and of what it looks at."""

import dagster as dg

CHECKS: list[dg.AssetChecksDefinition] = []
