"""Loans as the lender booked them: sources, records, dialects, intake, quarantine."""
