"""What `model:` and `template:` of a recipe stand for, and how families of models take images."""
