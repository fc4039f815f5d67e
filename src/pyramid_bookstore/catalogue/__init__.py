"""The book: its fields, rules and SQL, the list of them, and their views."""
