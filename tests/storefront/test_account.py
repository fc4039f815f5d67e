"""Signing in and out, and who may see which page."""

import pytest

from storefront.passwords import check_password, hash_password
from storefront.views.account import local_path
from tests.storefront.conftest import PASSWORD


def submit(browser, login, password, status=303):
    form = browser.get("/login?next=/orders").form_of("/login")
    form["login"], form["password"] = login, password
    return form.submit(status=status)


def test_after_sign_in_the_user_is_sent_to_the_requested_page(shop):
    browser = shop.browser()
    answer = browser.get("/orders", status=303)
    assert answer.location == "http://example.com/login?next=%2Forders"
    page = submit(browser, "ada", PASSWORD).follow()
    assert page.request.path == "/orders"
    assert "Welcome, Ada." in page.text


@pytest.mark.parametrize(
    ("login", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("ada\0", "x"), ("", "")]
)
def test_sign_in_with_a_wrong_login_or_password_is_refused(shop, login, password):
    browser = shop.browser()
    answer = submit(browser, login, password, status=401)
    assert "do not go together" in answer.text
    assert browser.get("/orders").status_int == 303


def test_after_sign_out_the_user_is_no_longer_signed_in(shop):
    browser = shop.browser().sign_in("ada")
    browser.get("/orders").form_of("/logout").submit(status=303)
    assert browser.get("/orders").status_int == 303


def test_a_forged_sign_in_cookie_is_ignored(shop):
    browser = shop.browser().sign_in("ada")
    value = browser.cookies["storefront_auth"]
    browser.set_cookie("storefront_auth", ("0" if value[0] != "0" else "1") + value[1:])
    assert browser.get("/orders").status_int == 303


def test_cookies_are_http_only_and_same_site_lax(shop):
    browser = shop.browser()
    answer = submit(browser, "ada", PASSWORD)
    cookies = answer.headers.getall("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_the_csrf_token_changes_at_sign_in(shop):
    browser = shop.browser()
    before = browser.get("/login").form_of("/login")["csrf_token"].value
    browser.sign_in("ada")
    assert browser.get("/orders").form_of("/logout")["csrf_token"].value != before


def test_error_pages_offer_to_sign_in_or_out_as_other_pages_do(shop):
    browser = shop.browser()
    page = browser.get("/nowhere", status=404)
    assert [link.text for link in page.html.select(".account a")] == ["Sign in", "Basket"]
    assert page.click("Sign in").form_of("/login")
    page = browser.sign_in("ada").get("/nowhere", status=404)
    assert [link.text for link in page.html.select(".account a")] == ["Orders", "Basket"]
    page.form_of("/logout").submit(status=303)
    assert "Sign in" in browser.get("/nowhere", status=404).text


@pytest.mark.parametrize("path", ["/staff", "/staff/stock"])
def test_staff_pages_are_for_staff_only(shop, path):
    browser = shop.browser()
    assert "login" in browser.get(path, status=303).location
    assert "Staff only" in browser.sign_in("ada").get(path, status=403).text
    assert browser.sign_in("basil").get(path).status_int == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/orders?x=1", "/orders?x=1"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example/", "/"),
        ("/\t/elsewhere.example/", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_the_redirect_after_sign_in_never_leaves_the_shop(path, expected):
    assert local_path(path) == expected


def test_passwords_are_kept_as_salted_hashes():
    first, second = hash_password("secret"), hash_password("secret")
    assert first != second
    assert "secret" not in first
    assert check_password("secret", first)
    assert not check_password("Secret", first)
    assert not check_password("secret", None)
