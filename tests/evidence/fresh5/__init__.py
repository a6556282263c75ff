"""Blind programs of the fifth round: dishonest ones of six families and honest ones that look alike."""
