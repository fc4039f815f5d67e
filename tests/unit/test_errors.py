"""The code, the message and the data of each error."""

import pytest

from pyramid_bookstore import errors


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.InvalidJSON("No JSON."), "invalid_json", "No JSON."),
        (errors.BookNotFound(), "not_found", "There is no such book."),
        (errors.IsbnTaken(), "conflict", "Another book has this ISBN."),
        (errors.IsbnTaken("9781718500440"), "conflict", "Another book has ISBN 9781718500440."),
        (errors.InsufficientStock(1), "insufficient_stock", "1 copy is left."),
        (errors.InsufficientStock(0), "insufficient_stock", "0 copies are left."),
        (errors.VersionMismatch(5), "precondition_failed", "The book is in another version."),
        (errors.Unavailable(), "unavailable", "The database is not available."),
        (
            errors.ValidationFailed(
                [errors.Fault("", "", "All bad."), errors.Fault("a.b", "/a/b", "Bad.")]
            ),
            "validation_failed",
            "All bad.; a.b: Bad.",
        ),
    ],
)  # fmt: skip
def test_each_error_has_its_code_and_a_readable_message(
    error: errors.BookstoreError, code: str, message: str
) -> None:
    assert error.code == code
    assert str(error) == error.message == message


def test_errors_carry_the_data_that_the_response_needs() -> None:
    assert errors.InsufficientStock(3).available == 3
    assert errors.VersionMismatch(5).current == 5
    assert errors.Unavailable(retry_after=7).retry_after == 7
    assert (errors.IsbnTaken("1").field, errors.IsbnTaken("1").isbn) == ("isbn", "1")
