"""Octomed beside its peers: one corpus, one run, every contestant in a process of its own."""
