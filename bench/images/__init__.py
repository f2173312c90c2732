"""Images: a corpus of generated ones, and octomed beside its peers on it."""
