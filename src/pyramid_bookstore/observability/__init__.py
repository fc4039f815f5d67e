"""What goes on: one log line and some numbers for each request of the bookstore's routes."""
