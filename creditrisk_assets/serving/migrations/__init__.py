"""The serving schema as numbered SQL; once applied anywhere, a file never changes."""
