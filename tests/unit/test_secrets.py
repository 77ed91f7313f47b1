"""Secrets at rest: only the right key opens them, only in their own place, and nothing else shows them."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.identity.secrets import SecretBox, make_key_file, provider_context, secret_box, usable

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()
HERE = provider_context(3, "upstream")


@given(text=st.text(max_size=200), context=st.binary(max_size=50))
def test_what_was_sealed_opens(text: str, context: bytes) -> None:
    sealed = SecretBox(KEY).seal(text, context)
    assert SecretBox(KEY).open(sealed, context) == text
    assert len(text) < 4 or text.encode() not in sealed


def test_the_same_secret_is_never_sealed_the_same_way() -> None:
    box = SecretBox(KEY)
    assert len({box.seal("sk-1", HERE) for _ in range(50)}) == 50


def test_no_other_key_opens_it_and_no_other_place() -> None:
    sealed = SecretBox(KEY).seal("sk-1", HERE)
    with pytest.raises(RechenwerkError, match="RECHENWERK_SECRET_KEY") as refused:
        SecretBox(bytes(32)).open(sealed, HERE)
    assert "sk-1" not in str(refused.value)
    for other in (provider_context(4, "upstream"), provider_context(3, "other"), b""):
        with pytest.raises(RechenwerkError, match="does not open"):
            SecretBox(KEY).open(sealed, other)


def test_a_changed_byte_is_seen_wherever_it_is() -> None:
    sealed = SecretBox(KEY).seal("sk-1", HERE)
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(RechenwerkError, match="does not open"):
            SecretBox(KEY).open(changed, HERE)
    for end in range(len(sealed)):
        with pytest.raises(RechenwerkError, match="does not open"):
            SecretBox(KEY).open(sealed[:end], HERE)


def test_contexts_do_not_run_into_each_other() -> None:
    assert provider_context(1, "2/x") != provider_context(12, "x")


def test_the_key_comes_from_the_setting_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{TEXT}\n", encoding="ascii")
    sealed = SecretBox(KEY).seal("sk-1", HERE)
    for box in (secret_box(TEXT, ""), secret_box("", str(file)), secret_box(TEXT, "/nowhere")):
        assert box is not None
        assert box.open(sealed, HERE) == "sk-1"
    assert secret_box("", "") is None


@pytest.mark.parametrize("text", ["short", TEXT[:-4], TEXT + "AAAA", "!" + TEXT[1:], "ü" * 44])
def test_what_is_no_key_is_refused_by_the_name_of_its_variable(text: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="RECHENWERK_SECRET_KEY must hold base64 of 32 bytes") as refused:
        secret_box(text, "")
    assert text not in str(refused.value)
    file = tmp_path / "key"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match="RECHENWERK_SECRET_KEY_FILE") as refused:
        secret_box("", str(file))
    assert text not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"RECHENWERK_SECRET_KEY_FILE: .*none cannot be read: No such file"):
        secret_box("", str(tmp_path / "none"))


def test_a_key_file_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    make_key_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="ascii")
    assert len(base64.b64decode(text)) == 32
    make_key_file(file)
    assert file.read_text(encoding="ascii") == text
    assert secret_box("", str(file)) is not None
    with pytest.raises(SetupError, match="cannot be written"):
        make_key_file(tmp_path / "none" / "secret.key")


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "a\n", "schlüssel", "a\x00", "x" * 8193])
def test_what_cannot_stand_in_a_header_is_no_secret(text: str) -> None:
    assert usable("AKIA1:secret/+=")
    assert not usable(text)
