"""What the business looks at: the newest risk of everyone in PostgreSQL, written by the stream, read by all else."""
