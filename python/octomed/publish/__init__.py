"""A finished run, published: what goes along, what stays, and how it gets to the Hugging Face hub."""
