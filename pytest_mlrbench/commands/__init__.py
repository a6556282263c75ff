"""Commands of `mlrbench` that have modules of their own; cli.py registers them."""
