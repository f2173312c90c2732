"""Threads that run calls, calls that wait for a network, and what is kept between calls."""
