"""The paper's recipes over a small tree of invented rows, every set in its published format."""
