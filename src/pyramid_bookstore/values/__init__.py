"""Single values: ISBN, text and JSON, and strict Colander types for them."""
