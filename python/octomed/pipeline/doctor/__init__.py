"""The machine, and what a recipe asks of it, looked at for `octomed doctor`."""
