"""Arguments of single `mlrbench` commands, one module a command; `cli` registers them."""
