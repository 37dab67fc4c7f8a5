"""What several commands of `creditrisk` take as options."""

import math
from datetime import date
from typing import Any

import click

from creditrisk_assets.resources.environments import first_of_month


class Month(click.ParamType[date]):
    """A month written as 2011-01."""

    name = "month"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The first day of the month."""
        try:
            month = first_of_month(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not isinstance(month, date):
            self.fail(f"{value!r} is not a month; write it as 2011-01", param, ctx)
        return month


class Finite(click.FloatRange):
    """A number within bounds; neither nan, which no bound keeps out, nor infinity, at which nobody arrives."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


MONTH = Month()
