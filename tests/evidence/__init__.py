"""Measuring the checks: corpora, mutations, soak and the report of docs/evidence.md; scripts and what they share."""
