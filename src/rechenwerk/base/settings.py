"""The settings table: every knob of the installation, its environment variable, default and meaning."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rechenwerk.base.errors import SetupError


class Setting(msgspec.Struct, frozen=True):
    """One row: environment variable, field of `Settings`, meaning."""

    env: str
    field: str
    meaning: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Values of all settings; times in seconds, sizes in bytes."""

    database_url: str = ""
    spool: str = ""
    secret_key: str = ""
    secret_key_file: str = ""
    signing_key_file: str = ""
    max_body: int = 20_000_000
    max_header: int = 32_768
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    idle_timeout: float = 75.0
    write_timeout: float = 60.0
    connect_timeout: float = 5.0
    first_byte_timeout: float = 120.0
    between_bytes_timeout: float = 60.0
    total_timeout: float = 600.0
    queue_deadline: float = 20.0
    queue_deadline_batch: float = 300.0
    drain_timeout: float = 30.0
    attempts: int = 4
    breaker_failures: int = 5
    grace: float = 30.0
    silence: float = 5.0
    max_connections: int = 10_000
    webhook_networks: str = ""
    smtp_url: str = ""
    smtp_from: str = ""
    public_url: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_name: str = ""
    oidc_join: str = ""
    oidc_trust_email: str = ""
    models_dir: str = ""
    model_threads: int = 0
    model_hub: str = "https://huggingface.co"
    documents_largest: int = 100_000_000
    documents_keep_days: int = 3650
    documents_at_once: int = 4
    documents_lease: float = 60.0
    documents_model: str = ""
    documents_vectors: str = "potion-multilingual"
    documents_pages: int = 5000
    documents_page_seconds: float = 60.0
    documents_reader_memory: int = 800_000_000
    documents_dpi: int = 200

    def __repr__(self) -> str:
        """Without the values: some are secrets."""
        return "Settings(…)"


TABLE = (
    Setting("RECHENWERK_DATABASE_URL", "database_url", "PostgreSQL to use; empty: the embedded one"),
    Setting(
        "RECHENWERK_SPOOL",
        "spool",
        "folder where gateway processes note calls that are about to leave; empty: one of this user's",
    ),
    Setting(
        "RECHENWERK_SECRET_KEY",
        "secret_key",
        "base64 of the 32 bytes that providers' stored secrets are sealed with; the same for every process",
    ),
    Setting(
        "RECHENWERK_SECRET_KEY_FILE",
        "secret_key_file",
        "file with that key; with neither, `serve` makes one in its data folder",
    ),
    Setting(
        "RECHENWERK_SIGNING_KEY_FILE",
        "signing_key_file",
        "file with the key that days are sealed with; empty: `serve` makes one in its data folder",
    ),
    Setting("RECHENWERK_MAX_BODY", "max_body", "largest request body"),
    Setting("RECHENWERK_MAX_HEADER", "max_header", "largest request head"),
    Setting("RECHENWERK_HEADER_TIMEOUT", "header_timeout", "a request's head must be complete by then"),
    Setting("RECHENWERK_BODY_TIMEOUT", "body_timeout", "a request's body must be complete by then"),
    Setting("RECHENWERK_IDLE_TIMEOUT", "idle_timeout", "an idle client connection is closed after"),
    Setting("RECHENWERK_WRITE_TIMEOUT", "write_timeout", "a client that reads nothing is dropped after"),
    Setting("RECHENWERK_CONNECT_TIMEOUT", "connect_timeout", "longest time to connect to a provider"),
    Setting(
        "RECHENWERK_FIRST_BYTE_TIMEOUT", "first_byte_timeout", "longest wait for a provider's first byte"
    ),
    Setting("RECHENWERK_BETWEEN_BYTES_TIMEOUT", "between_bytes_timeout", "longest silence inside an answer"),
    Setting("RECHENWERK_TOTAL_TIMEOUT", "total_timeout", "longest duration of one call"),
    Setting("RECHENWERK_QUEUE_DEADLINE", "queue_deadline", "longest wait for capacity that is all in use"),
    Setting("RECHENWERK_QUEUE_DEADLINE_BATCH", "queue_deadline_batch", "the same, for calls of class batch"),
    Setting(
        "RECHENWERK_DRAIN_TIMEOUT", "drain_timeout", "an answer that nobody reads is read on for its usage"
    ),
    Setting("RECHENWERK_ATTEMPTS", "attempts", "most attempts at providers that one call makes"),
    Setting(
        "RECHENWERK_BREAKER_FAILURES",
        "breaker_failures",
        "failures in a row after which a deployment is left alone for a while",
    ),
    Setting("RECHENWERK_GRACE", "grace", "running calls may end within this time after SIGTERM"),
    Setting("RECHENWERK_SILENCE", "silence", "a gateway process without a heartbeat for so long is dead"),
    Setting("RECHENWERK_MAX_CONNECTIONS", "max_connections", "client connections of one gateway process"),
    Setting(
        "RECHENWERK_WEBHOOK_NETWORKS",
        "webhook_networks",
        "networks that webhooks may reach without TLS, and although they are not public: 10.1.0.0/16",
    ),
    Setting(
        "RECHENWERK_SMTP_URL",
        "smtp_url",
        "where alerts by mail go: smtp://user:password@host:587 (STARTTLS), smtps://… (TLS),"
        " smtp+plain://… (neither)",
    ),
    Setting("RECHENWERK_SMTP_FROM", "smtp_from", "sender of these mails, such as alerts@example.org"),
    Setting(
        "RECHENWERK_PUBLIC_URL",
        "public_url",
        "where browsers find the office, such as https://ai.example.org; empty: where they say",
    ),
    Setting("RECHENWERK_OIDC_ISSUER", "oidc_issuer", "identity provider for single sign-on; empty: none"),
    Setting(
        "RECHENWERK_OIDC_CLIENT_ID", "oidc_client_id", "the id that the provider knows this installation by"
    ),
    Setting("RECHENWERK_OIDC_CLIENT_SECRET", "oidc_client_secret", "its secret there, if it has one"),
    Setting("RECHENWERK_OIDC_NAME", "oidc_name", "what the button says, such as the directory's name"),
    Setting(
        "RECHENWERK_OIDC_JOIN",
        "oidc_join",
        "what people become who come without an invitation: organisation/role; empty: they need one",
    ),
    Setting(
        "RECHENWERK_OIDC_TRUST_EMAIL",
        "oidc_trust_email",
        "`yes`: its mail addresses are its own to give, although it does not call them verified",
    ),
    Setting(
        "RECHENWERK_MODELS_DIR",
        "models_dir",
        "folder of model files, which several installations may share; empty: `models` in the data folder",
    ),
    Setting(
        "RECHENWERK_MODEL_THREADS", "model_threads", "threads of each embedded model; unset: at most four"
    ),
    Setting("RECHENWERK_MODEL_HUB", "model_hub", "where `model pull` gets models from; a mirror, perhaps"),
    Setting("RECHENWERK_DOCUMENTS_LARGEST", "documents_largest", "largest document that may be uploaded"),
    Setting(
        "RECHENWERK_DOCUMENTS_KEEP_DAYS",
        "documents_keep_days",
        "days after its end for which a job of documents is kept, unless the job says otherwise",
    ),
    Setting(
        "RECHENWERK_DOCUMENTS_AT_ONCE", "documents_at_once", "documents that one worker has in hand at once"
    ),
    Setting(
        "RECHENWERK_DOCUMENTS_LEASE",
        "documents_lease",
        "a worker for documents that is silent for so long is dead; another takes over",
    ),
    Setting(
        "RECHENWERK_DOCUMENTS_MODEL",
        "documents_model",
        "model that jobs of documents ask unless they name one; empty: the first that may see the data,"
        " but not an embedded one",
    ),
    Setting("RECHENWERK_DOCUMENTS_VECTORS", "documents_vectors", "model that embeds for jobs of documents"),
    Setting("RECHENWERK_DOCUMENTS_PAGES", "documents_pages", "pages that are read of one document"),
    Setting(
        "RECHENWERK_DOCUMENTS_PAGE_SECONDS",
        "documents_page_seconds",
        "to read one page, recognition included; a page that takes longer is lost, the others are not",
    ),
    Setting(
        "RECHENWERK_DOCUMENTS_READER_MEMORY",
        "documents_reader_memory",
        "address space of the process that reads files",
    ),
    Setting("RECHENWERK_DOCUMENTS_DPI", "documents_dpi", "resolution at which scanned pages are recognised"),
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting that the environment names.

    Raises:
        SetupError: a value does not fit; names the variable.
    """
    values: dict[str, object] = {}
    for row in TABLE:
        text = environment.get(row.env)
        if text is None or text == "":
            continue
        kind = type(getattr(Settings(), row.field))
        try:
            value = kind(text)
        except ValueError:
            raise SetupError(f"{row.env}={text!r} is not a number ({row.meaning})") from None
        if kind is not str and not 0 < value < 1e12:
            raise SetupError(f"{row.env}={text!r} must be above zero ({row.meaning})")
        values[row.field] = value
    return msgspec.structs.replace(Settings(), **values)
