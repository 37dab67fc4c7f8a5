"""PD with interval, points and band; the same functions for batch and stream."""
