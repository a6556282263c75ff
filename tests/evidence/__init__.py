"""Whole small research runs, dishonest and honest, executed in a real sandbox with the real ledger; tests and the evidence report."""
