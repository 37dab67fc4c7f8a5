"""The only doors to the outside: the lake, brokers, databases. Values differ by environment, classes do not."""
