"""Evaluation of models by the paper's protocol."""
