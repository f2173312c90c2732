"""A recipe becomes a plan: checked, estimated, and handed on as plain values."""
