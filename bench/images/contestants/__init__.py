"""One file a contestant; each runs in a process of its own and prints its figures."""
