"""The bookstore's API inside the shop: the shop's rules, the bookstore's answers."""

import pytest

from tests.storefront.conftest import DUNE, HOBBIT


@pytest.fixture
def book(shop):
    return shop.add_books(HOBBIT)[0]


def test_customers_can_read_the_api(shop, book):
    assert shop.api("ada").get("/api/books").json["total"] == 1
    browser = shop.browser().sign_in("ada")
    assert browser.get(f"/api/books/{book['id']}").json == book


def test_the_api_refuses_requests_without_sign_in_with_401(shop, book):
    answer = shop.browser().get("/api/books", status=401)
    assert answer.json["error"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_api_refuses_a_wrong_password_with_401(shop, book):
    browser = shop.browser()
    browser.authorization = ("Basic", ("basil", "wrong"))
    browser.get("/api/books", status=401)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post_json", "/api/books", DUNE),
        ("put_json", "/api/books/{id}", {"price": 1}),
        ("patch_json", "/api/books/{id}", {"price": 1}),
        ("put_json", "/api/books/isbn/9780261102217", HOBBIT),
        ("post_json", "/api/books/{id}/stock", {"delta": 1}),
    ],
)
def test_only_staff_can_write_through_the_api(shop, book, method, path, body):
    path = path.format(**book)
    answer = getattr(shop.api("ada"), method)(path, body, status=403)
    assert answer.json["error"] == "forbidden"
    assert getattr(shop.api("basil"), method)(path, body).status_int in (200, 201)


def test_the_error_views_of_the_shop_do_not_change_errors_of_the_api(shop, book):
    """The shop has views for 404, 403 and BookNotFound; the API sends its own errors."""
    api = shop.api("ada")
    missing = f"/api/books/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    for path, status in ((missing, 404), ("/api/books/%ff", 400), ("/api/books?q=%ff", 400)):
        answer = api.get(path, status=status)
        assert answer.content_type == "application/problem+json"


def test_the_api_takes_json_without_csrf_token_and_refuses_form_types(shop, book):
    """The shop requires a CSRF token on every form; another site can send forms, but no JSON."""
    browser = shop.browser().sign_in("basil")
    path = f"/api/books/{book['id']}/stock"
    assert browser.post_json(path, {"delta": 1}).json["stock"] == 6
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = browser.post(path, '{"delta": 1}', content_type=kind, status=415)
        assert answer.json["error"] == "unsupported_media_type"


def test_a_change_through_the_api_is_shown_on_the_page_at_once(shop, book):
    shop.api("basil").put_json(f"/api/books/{book['id']}", {"price": 12.5})
    assert "€12.50" in shop.browser().get("/books/9780261102217").text
