"""Blocks in the working store, in a folder or at an address: who uses them, how they come and go."""
