"""Bodies of conversations, as the OpenAPI page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from rechenwerk.office.bodies import Body

LONGEST_QUESTION = 400_000
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Model = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_QUESTION)]


class NewChatBody(Body):
    """A new conversation; without a title its first question becomes it."""

    title: Title | None = None


class ChatBody(Body):
    """What is to change; what is left out stays."""

    title: Title | None = None
    shared: bool | None = Field(default=None, description="everybody in the organisation may read it")


class CopyBody(Body):
    """Which part of a conversation to copy."""

    until: int | None = Field(default=None, description="the last message of a branch; else everything")


class MessageBody(Body):
    """A question, or the wish for another answer to one."""

    model: Model
    text: Text | None = Field(default=None, description="the question; left out: another answer to `parent`")
    parent: int | None = Field(
        None, description="the answer that the question follows; of another answer its question"
    )
    files: list[int] = Field(default=[], max_length=20, description="that were sent to this conversation")


class TemplateBody(Body):
    """A template; what stands in {{braces}} is filled in when it is used."""

    name: Title
    text: Annotated[str, StringConstraints(min_length=1, max_length=50_000)]
    shared: bool = Field(default=False, description="everybody in the organisation may use it")


class ChatView(BaseModel):
    """A conversation."""

    id: int
    title: str
    shared: bool
    mine: bool = Field(description="others' are read only; copy one to go on with it")
    owner: str
    made_at: datetime
    changed_at: datetime


class ChatsView(BaseModel):
    """Conversations, newest first; `next` is the value of `before` for those after these."""

    chats: list[ChatView]
    next: str | None


class FileView(BaseModel):
    """A file; `characters` of its text go to the model."""

    id: int
    name: str
    kind: str
    size: int
    characters: int


class BookingView(BaseModel):
    """An answer's call as the books have it."""

    id: str
    booked: bool = Field(description="false for the moment between the last word and the booking")
    provider: str = ""
    contract: str = ""
    outcome: str = ""
    usage_source: str = Field(default="", description="reported by the provider, counted, or estimated")
    input_tokens: int = 0
    output_tokens: int = 0
    price: str = "0"
    currency: str = ""
    total_us: int = 0
    reason: str = Field(default="", description="why it went there")
    reason_told: list[dict[str, str]] = Field(default=[], description="the reason's codes, with their values")


class MessageView(BaseModel):
    """A question or an answer; several with one parent are branches."""

    id: int
    parent: int | None
    role: Literal["user", "assistant"]
    text: str
    model: str
    state: Literal["done", "writing", "stopped", "failed"]
    problem: str = Field(default="", description="why it failed: one line")
    problem_code: str = Field(default="", description="of the gateway's refusal, if it was one")
    made_at: datetime
    files: list[FileView]
    call: BookingView | None


class WholeChatView(ChatView):
    """A conversation with all that was said, oldest first."""

    messages: list[MessageView]


class ModelView(BaseModel):
    """A model that the key may chat with; `context_tokens`: of question and answer together."""

    name: str
    context_tokens: int


class ModelsView(BaseModel):
    """Models by name."""

    models: list[ModelView]


class TemplateView(BaseModel):
    """A template with the names that are to be filled in."""

    id: int
    name: str
    text: str
    shared: bool
    mine: bool
    owner: str
    placeholders: list[str]


class TemplatesView(BaseModel):
    """Own templates, and those that others share."""

    templates: list[TemplateView]


class DoneView(BaseModel):
    """It was done."""

    done: str
