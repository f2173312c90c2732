"""The paper's findings in miniature: a seeded world, a teacher, and tiny models that learn of it."""
