"""The paper's findings in miniature: a seeded world, its teacher, and tiny models that learn from the teacher's traces."""
