"""Blind programs of the eighth round: dishonest studies, three modules of four."""
