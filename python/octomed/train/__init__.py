"""Training on packed streams with Composer: `composer train.py recipes/train/quickstart.yaml`.

torch, transformers and composer are imported by the modules that use them, and by nothing of the engine.
"""
