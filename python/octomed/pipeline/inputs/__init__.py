"""A recipe's files: their formats and columns, tasks and readers; lists and evaluation sets."""
