"""Settings: every knob is in the table, is read from its variable, and is refused by its name."""

from __future__ import annotations

import pytest

from rechenwerk.base.errors import SetupError
from rechenwerk.base.settings import TABLE, Setting, Settings, read_settings

NUMBERS = [row for row in TABLE if not isinstance(getattr(Settings(), row.field), str)]


def test_the_table_is_complete_and_says_each_thing_once() -> None:
    assert [row.field for row in TABLE] == list(Settings.__struct_fields__)
    assert len({row.env for row in TABLE}) == len({row.meaning for row in TABLE}) == len(TABLE)
    assert all(row.env == f"RECHENWERK_{row.field.upper()}" for row in TABLE)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({row.env: "" for row in TABLE}) == Settings()
    assert read_settings({"PATH": "/bin", "RECHENWERK_SOMETHING_ELSE": "x"}) == Settings()


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.field)
def test_every_setting_is_read_from_its_variable(row: Setting) -> None:
    settings = read_settings({row.env: "17"})
    assert getattr(settings, row.field) == 17
    assert isinstance(getattr(settings, row.field), type(getattr(Settings(), row.field)))
    changed = [one.field for one in TABLE if getattr(settings, one.field) != getattr(Settings(), one.field)]
    assert changed == [row.field]


def test_the_database_is_text() -> None:
    assert read_settings({"RECHENWERK_DATABASE_URL": "postgresql://db/x"}).database_url == "postgresql://db/x"


def test_values_are_not_shown_by_accident() -> None:
    settings = read_settings({"RECHENWERK_SECRET_KEY": "hidden", "RECHENWERK_DATABASE_URL": "hidden"})
    assert settings.secret_key == "hidden"
    assert "hidden" not in f"{settings} {settings!r}"


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.field)
@pytest.mark.parametrize("text", ["many", "1,5", "0", "-1", "nan", "inf", "1e300"])
def test_what_does_not_fit_is_refused_by_the_name_of_its_variable(row: Setting, text: str) -> None:
    with pytest.raises(SetupError, match=row.env) as refused:
        read_settings({row.env: text})
    assert row.meaning in str(refused.value)


def test_seconds_may_have_a_fraction_and_bytes_may_not() -> None:
    assert read_settings({"RECHENWERK_SILENCE": "0.25"}).silence == 0.25
    with pytest.raises(SetupError, match="is not a number"):
        read_settings({"RECHENWERK_MAX_BODY": "0.25"})
