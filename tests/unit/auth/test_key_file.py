"""The key file is read again when it changes while the application runs."""

import logging
import os

import pytest

from pyramid_bookstore.auth import key_file
from pyramid_bookstore.auth.key_file import KeyFile
from pyramid_bookstore.auth.keys import KeyFault
from tests.support.tokens import jwk, jwks, private_key

OLD = jwks(jwk(private_key("P-256", "old"), kid="old"))
NEW = jwks(jwk(private_key("P-256", "new"), kid="new"))


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(key_file, "monotonic", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(OLD)
    return path


def replace(path, text):
    """Replace the file atomically: write a new one and rename it over the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def kids(keys):
    return [key.kid for key in keys().keys]


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_changed_key_file_is_read_again_within_a_second(path, clock, caplog):
    caplog.set_level(logging.INFO)
    keys = KeyFile(str(path), ("ES256",))
    replace(path, NEW)
    clock.now += 0.9
    assert kids(keys) == ["old"]
    clock.now += 0.2
    assert kids(keys) == ["new"]
    assert "was read again: 1 keys" in caplog.text


def test_an_unchanged_key_file_is_not_read_again(path, clock, monkeypatch):
    keys = KeyFile(str(path), ("ES256",))
    before = keys()
    monkeypatch.setattr(KeyFile, "_read", lambda self: pytest.fail("read again"))
    clock.now += 5
    assert keys() is before


def test_the_key_file_is_checked_for_changes_once_a_second(path, clock, monkeypatch):
    keys = KeyFile(str(path), ("ES256",))
    looks = []
    monkeypatch.setattr(KeyFile, "_check", lambda self: looks.append(clock.now))
    for _ in range(100):
        clock.now += 0.125
        keys()
    assert len(looks) == 12


@pytest.mark.parametrize(
    "text", ["", "{", '{"keys": [', "{}", jwks(*[jwk(private_key("P-256"))] * 2)]
)
def test_an_invalid_new_key_file_keeps_the_old_keys_and_is_logged_once(path, clock, caplog, text):
    keys = KeyFile(str(path), ("ES256",))
    replace(path, text)
    for _ in range(3):
        clock.now += 2
        assert kids(keys) == ["old"]
    (message,) = errors(caplog)
    assert message.endswith("the keys read before stay in use")
    replace(path, NEW)
    clock.now += 2
    assert kids(keys) == ["new"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"keys": []}', "the list of keys in the file is empty"),
        (jwks(jwk(private_key("RSA"), kid="rsa")), "no key in the file is for ES256"),
        (jwks(7, {}), "no key in the file is for ES256"),
    ],
)
def test_a_new_key_file_without_a_usable_key_leaves_no_key_and_is_logged_once(
    path, clock, caplog, text, reason
):
    keys = KeyFile(str(path), ("ES256",))
    replace(path, text)
    for _ in range(3):
        clock.now += 2
        assert kids(keys) == []
    (message,) = errors(caplog)
    assert reason in message
    assert message.endswith("every token is refused")
    replace(path, "{")
    clock.now += 2
    assert kids(keys) == []  # a broken file brings no key back
    replace(path, NEW)
    clock.now += 2
    assert kids(keys) == ["new"]


def test_a_deleted_key_file_keeps_the_old_keys_and_is_logged_once(path, clock, caplog):
    keys = KeyFile(str(path), ("ES256",))
    path.unlink()
    for _ in range(3):
        clock.now += 2
        assert kids(keys) == ["old"]
    (message,) = errors(caplog)
    assert "No such file" in message
    path.write_text(NEW)
    clock.now += 2
    assert kids(keys) == ["new"]


def test_a_key_file_changed_with_same_size_and_mtime_is_read_again(path, clock):
    """As after ``cp -p`` or ``rsync -t`` over a file of the same length."""
    keys = KeyFile(str(path), ("ES256",))
    before = path.stat()
    assert len(OLD) == len(NEW)
    path.write_text(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += 2
    assert kids(keys) == ["new"]


def test_keys_that_cannot_be_used_are_skipped_and_logged(path, caplog):
    path.write_text(jwks(jwk(private_key("P-384"), kid="x"), jwk(private_key("P-256"), kid="a")))
    assert kids(KeyFile(str(path), ("ES256",))) == ["a"]
    assert "ignored: keys[0] is an EC key on secp384r1" in caplog.text


class TestUnreadableKeyFile:
    def fault(self, path):
        with pytest.raises(KeyFault) as caught:
            KeyFile(str(path), ("ES256",))
        return str(caught.value)

    def test_a_missing_file_is_refused(self, tmp_path):
        assert self.fault(tmp_path / "none") == (
            "the file cannot be read (No such file or directory)"
        )

    def test_a_path_with_a_null_byte_is_refused(self):
        assert self.fault("a\0b") == "the file cannot be read (embedded null byte)"

    def test_a_directory_is_refused(self, tmp_path):
        assert self.fault(tmp_path) == "is no file"

    def test_a_device_is_refused(self):
        assert self.fault("/dev/zero") == "is no file"

    def test_a_file_above_1_mib_is_refused(self, path):
        path.write_bytes(b" " * (1024 * 1024 + 1))
        assert self.fault(path) == "the file is larger than 1048576 bytes"

    def test_a_file_without_read_permission_is_refused(self, path, monkeypatch):
        # Not by chmod: the tests may run as root, who may read everything.
        def refuse(*args):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
        assert self.fault(path) == "the file cannot be read (Permission denied)"
