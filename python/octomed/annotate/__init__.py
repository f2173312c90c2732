"""Filling a column that rows lack, by a model that is asked: modality, body part, difficulty."""
