"""Figures told beside a test: shown by `pytest -s -n 0`."""

import sys


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
