"""The API's description: that it is valid, true and complete, and what others make of it."""
