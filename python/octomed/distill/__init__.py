"""Asking a teacher: questions in, sampled traces out, nothing paid for lost or bought twice."""
