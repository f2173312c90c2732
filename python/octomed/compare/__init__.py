"""Two runs or recipes beside each other: what differs, and why."""
