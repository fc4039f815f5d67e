"""Single values: ISBN, text and JSON, and the strict Colander types that read them."""
