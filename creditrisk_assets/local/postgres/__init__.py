"""A real PostgreSQL for one machine, from a pip package; others run their own."""
