"""What a run survives: kills, failing disks, power cuts, flips. `python -m bench.reliability --help`."""
