"""The gate: what a comparison with a baseline run comes to; the engine and `mlrbench compare` decide with it."""
