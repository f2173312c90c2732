"""Servers on this machine that speak as stores do, each in a process of its own.

`process.Served` starts one and is its handle; `fixtures` has the fixtures. Each can be told to fail
(`faults`), to refuse and to be slow (`rules`), and tells what it was asked. Its CPU is reported apart, so
that a benchmark can say whose time it took.
"""
