"""A conversation as a file of its own."""

from __future__ import annotations

from rechenwerk.office.chats.bodies import WholeChatView


def as_json(chat: WholeChatView) -> str:
    """All of it, as the API shows it."""
    return chat.model_dump_json(indent=2) + "\n"


def as_markdown(chat: WholeChatView) -> str:
    """A branch for people."""
    lines = [f"# {chat.title}", "", f"{chat.owner}, {chat.made_at:%Y-%m-%d %H:%M} UTC", ""]
    for one in chat.messages:
        lines += ["---", "", f"**{chat.owner if one.role == 'user' else one.model}:**", "", one.text, ""]
        lines += [f"- {file.name} ({file.kind}, {file.size} bytes)" for file in one.files]
        if one.problem:
            lines += [f"> {one.problem}", ""]
        if one.call is not None and one.call.booked:
            call = one.call
            told = f"{call.input_tokens} tokens in, {call.output_tokens} out, {call.price} {call.currency}"
            lines += [f"*{call.id}: {told}, {call.provider}*", ""]
    return "\n".join(lines)
