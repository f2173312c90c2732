"""Asking the web for images: what addresses are reached, and what is taken of an answer."""
