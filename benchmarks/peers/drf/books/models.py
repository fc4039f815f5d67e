"""The book as a Django model on the table that all peers share."""

import uuid

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models


class Book(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=255)
    author = models.CharField(max_length=255)
    isbn = models.CharField(
        max_length=13, unique=True, validators=[RegexValidator(r"^97[89]\d{10}$")]
    )
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    stock = models.PositiveIntegerField(default=0)
    description = models.TextField(null=True, blank=True, max_length=10_000)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        managed = False
        db_table = "books"
        ordering = ("-created_at",)
