"""Blind programs of the fourth round: each module holds one family."""
