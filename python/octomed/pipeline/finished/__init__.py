"""A finished run is read: verified, inspected, reported."""
