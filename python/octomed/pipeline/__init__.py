"""From a recipe to shards: plan, scan, select, write, and looks at what came of it."""
