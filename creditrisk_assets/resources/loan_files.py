"""Where loan files come from."""

from datetime import date

import dagster as dg


class LoanFiles(dg.ConfigurableResource[None]):
    """The lender's loan files: `loans` (a file or a glob) or else everything in `landing`.

    `first_vintage` and `last_vintage` (ISO dates) bound the book.
    """

    loans: str | None = None
    landing: str
    first_vintage: str
    last_vintage: str

    @property
    def book(self) -> tuple[date, date]:
        """First and last vintage of the book."""
        return date.fromisoformat(self.first_vintage), date.fromisoformat(self.last_vintage)
