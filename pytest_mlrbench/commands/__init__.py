"""Commands of `mlrbench` that need more than a few lines: each module declares its arguments and runs; `cli` registers them."""

import argparse
from collections.abc import Callable

Command = Callable[[str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser]
"""Adds a command: its name, what runs it, what it is for, an example."""
