"""Servers of files on this machine, each in a process of its own, for tests of addresses."""
