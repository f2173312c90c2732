"""A run's output while it is written: manifest, tables, and the targets that finished files are put to."""
