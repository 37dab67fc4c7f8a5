"""What was known at application, and the outcome as far as it has been observed."""
