"""Seals rows with the installation's key, each for its organisation and place. Fills `sealing_ports.Seal`."""

from __future__ import annotations

from rechenwerk.base.errors import SetupError
from rechenwerk.identity.secrets import SecretBox, document_context


class RowSeal:
    """Seals and opens: AES-256-GCM, as `identity.secrets` has it.

    Args:
        box: of the installation; None where it has none: then nothing about documents can be kept.
    """

    def __init__(self, box: SecretBox | None) -> None:
        self._box = box

    @property
    def box(self) -> SecretBox:
        """The box.

        Raises:
            SetupError: this installation has none.
        """
        if self._box is None:
            raise SetupError(
                "documents are kept sealed, and this installation has no key for that;"
                " start it with RECHENWERK_SECRET_KEY_FILE"
            )
        return self._box

    def seal_row(self, organisation: int, what: str, data: bytes) -> bytes:
        """See `sealing_ports.Seal`."""
        return self.box.seal_bytes(data, document_context(organisation, what))

    def open_row(self, organisation: int, what: str, sealed: bytes) -> bytes:
        """See `sealing_ports.Seal`."""
        return self.box.open_bytes(sealed, document_context(organisation, what))
