"""The error tree.

    RechenwerkError            one clear line: what is wrong, where, what to do
    ├── SetupError             this installation cannot start or go on (port, folder, database, model file)
    ├── ConfigError            rechenwerk.toml is wrong; carries the line
    ├── BookError              the books refuse: a guard, a fence, an unknown account
    │   └── FencedError        this process was declared dead; its holds are another's now
    ├── RefusedError           a route refuses; carries the refusal to where it is answered
    ├── DocumentError          a document, a schema or an example that cannot be used
    │   ├── UnreadableError    this file cannot be read: locked, broken, empty, too large
    │   ├── SchemaError        a schema is wrong; says which field
    │   └── ModelRefusedError  the gateway refused the question, or no provider answers
    ├── PlanError              a plan's file or figures are wrong; says where
    └── ProviderError          an attempt at a provider failed; says how far it came
        ├── ConnectError       nothing left this machine: safe to void
        └── BrokenError        the request had left; what the provider did is unknown

An expected refusal of a call is no exception but a value: `Refusal`.
"""

from __future__ import annotations

import msgspec

from rechenwerk.base.sentences import sentence


class RechenwerkError(Exception):
    """Base of everything that is raised on purpose."""


class SetupError(RechenwerkError):
    """The installation cannot start or go on; the message says what, where and what to do."""


class ConfigError(RechenwerkError):
    """A configuration file is wrong.

    Args:
        message: what is wrong and how to mend it.
        line: 1-based line in the file, 0 when it cannot be told.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class BookError(RechenwerkError):
    """The books refused an entry."""


class FencedError(BookError):
    """This process lost its place in the books and must not write any more."""


class DocumentError(RechenwerkError):
    """A document, a schema or an example cannot be used."""


class UnreadableError(DocumentError):
    """A file cannot be read.

    Args:
        message: its reason for people, one line in English.
        code: its reason for programs, such as ``locked`` (``documents/intake/refusals.py`` lists them).
        german: the line in German.
    """

    def __init__(self, message: str, code: str = "corrupt", german: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.german = german or message


class SchemaError(DocumentError):
    """A schema is wrong; the message names the field and what to do."""


class ModelRefusedError(DocumentError):
    """The gateway refused a question or no provider answers; the message says what to do."""


class PlanError(RechenwerkError):
    """A plan cannot be calculated from what was given; the message says what is wrong, where, what to do.

    Args:
        message: the sentence, or the template of one.
        values: of the template.
    """

    def __init__(self, message: str, /, **values: object) -> None:
        super().__init__(sentence(message, **values) if values else message)
        self.said: str = self.args[0]


class ProviderError(RechenwerkError):
    """An attempt at a provider failed."""


class ConnectError(ProviderError):
    """No byte of the request left: nothing can have been produced."""


class BrokenError(ProviderError):
    """The request had left; the provider may have produced tokens that nobody reported."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a request is not served, as a value.

    Attributes:
        status: HTTP status.
        type: OpenAI's error type, such as ``invalid_request_error``.
        code: machine-readable cause, such as ``model_not_found``.
        message: what is wrong and what to do next; one line.
        param: the field of the request at fault, if one is.
        retry_after: seconds after which another try makes sense.
    """

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    retry_after: int | None = None


def bad_request(
    message: str, param: str | None = None, code: str | None = None, status: int = 400
) -> Refusal:
    """The client's request is wrong."""
    return Refusal(status, "invalid_request_error", code, message, param)


def unavailable(message: str, code: str, status: int = 503, retry_after: int | None = 1) -> Refusal:
    """We, or what is behind us, cannot serve right now."""
    return Refusal(status, "server_error", code, message, None, retry_after)


class RefusedError(RechenwerkError):
    """Carries a refusal out of a route to the one place that answers it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(status: int, message: str, code: str, param: str | None = None) -> RefusedError:
    """A refusal, to be raised."""
    return RefusedError(bad_request(message, param, code, status))


def error_document(refusal: Refusal) -> dict[str, dict[str, str | None]]:
    """The one function that builds an error body: OpenAI's shape, all four fields always there."""
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }
