"""Mails: their fields as properties and as the first lines, then the body; attachments are other members."""

from __future__ import annotations

from rechenwerk.documents.intake.limits import Limits
from rechenwerk.documents.intake.mails import read_mail
from rechenwerk.documents.parsing.flow import Flow, FlowReader
from rechenwerk.documents.parsing.html import add_html

SHOWN = (("from", "From"), ("to", "To"), ("cc", "Cc"), ("sent", "Date"), ("subject", "Subject"))


def mail_reader(data: bytes, limits: Limits) -> FlowReader:
    """A mail. Of a body in two forms the plain one is read, unless the other has tables."""
    mail = read_mail(data)
    flow = Flow(limits)
    flow.properties = {name: text for name, text in mail.fields.items() if name != "sent"}
    if mail.attached:
        flow.properties["attachments"] = ", ".join(mail.attached)
    lines = [f"{shown}: {mail.fields[name]}" for name, shown in SHOWN if name in mail.fields]
    flow.lines("\n".join(lines))
    if mail.html and (not mail.plain.strip() or "<table" in mail.html.lower()):
        add_html(flow, mail.html)
    else:
        flow.lines("\n\n" + mail.plain)
    return flow.reader()
