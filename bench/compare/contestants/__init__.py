"""One file a contestant or a kind of contest; each runs in a process of its own and prints its figures."""
