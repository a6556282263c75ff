"""Measuring the checks: dishonest and honest studies that really run, mutations, soak, and the report of docs/evidence.md."""
