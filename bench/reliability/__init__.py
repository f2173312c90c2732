"""What a run survives: kills, failing disks, power cuts, flipped bits. `python -m bench.reliability --help`."""
