"""Rules: bands, reasons, watchlist and tier of a loan, as declared in versioned YAML; the same for batch and stream."""
