"""Commands of `mlrbench` that need more than a few lines: each module declares its arguments and runs; `cli` registers them."""
