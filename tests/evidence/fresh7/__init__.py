"""Dishonest programs of authors who had not seen the checks: two in each of twelve families."""
