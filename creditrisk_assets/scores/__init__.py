"""PD with interval, points, band, reasons and decision; the same functions for batch and stream."""
