"""Checks of the portfolio stage."""

import dagster as dg

CHECKS: list[dg.AssetChecksDefinition] = []
