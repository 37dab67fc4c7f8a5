"""What must outlive the lake: raw events by ingest day, drift tables and model reports, each with a manifest."""
