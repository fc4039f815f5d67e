"""Changes of the stock: copies in and out."""
