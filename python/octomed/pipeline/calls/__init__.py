"""What takes long, as calls of plain values: a task is scanned, a range is written."""
