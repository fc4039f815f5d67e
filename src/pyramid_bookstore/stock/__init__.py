"""Copies in and out."""
