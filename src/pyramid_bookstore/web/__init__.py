"""HTTP, without a book in it: bodies, headers, conditions, problems, query strings."""
