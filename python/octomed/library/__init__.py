"""Finished runs and recipes as Python values: for notebooks, and for whoever builds on a run."""
