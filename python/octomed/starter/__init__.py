"""A first recipe for data that somebody points at: what is found in it, written down with comments."""
