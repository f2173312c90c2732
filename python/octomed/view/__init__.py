"""A finished, growing or training run as pages in a browser of this machine: `octomed view`."""
