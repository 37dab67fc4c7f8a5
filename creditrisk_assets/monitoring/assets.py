"""Assets of the monitoring stage."""
