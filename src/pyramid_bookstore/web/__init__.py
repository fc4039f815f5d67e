"""HTTP without the book: bodies, headers, conditions, problems, query strings."""
