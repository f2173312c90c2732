"""A seeded corpus of medical reasoning traces with the statistics of the real one, and none of its text."""
