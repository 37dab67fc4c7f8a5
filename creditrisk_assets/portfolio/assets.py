"""Assets of the portfolio stage."""
