"""Command: chat."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx2
import msgspec
import typer

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.remote import Remote, explain, remote, telling
from rechenwerk.cli.show import Json, print_json

_CALL_HEADER = "x-request-id"
_TRIES = 10


class Answer(msgspec.Struct, frozen=True):
    """A finished answer; price and cost where the key may read the books."""

    text: str
    model: str
    call: str
    usage: dict[str, Any]
    price: str | None
    cost: str | None
    currency: str | None


def chat(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="The model; GET /v1/models lists them.")] = "smollm2-135m",
    system: Annotated[str | None, typer.Option(help="What the model is told first.")] = None,
    once: Annotated[str | None, typer.Option(help="Ask this, print the answer and end.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    as_json: Json = False,
) -> None:
    """Talk to a model; /quit, Ctrl-C or Ctrl-D ends."""
    if as_json and once is None:
        raise typer.BadParameter("--json answers one question: add --once TEXT")
    there = remote(context)
    messages: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
    try:
        if once is not None:
            answer = _ask(there, model, [*messages, {"role": "user", "content": once}], max_tokens, as_json)
            if as_json:
                print_json(answer)
            else:
                sys.stdout.write(f"\n{_summary(answer)}\n")
            return
        for question in _questions():
            messages.append({"role": "user", "content": question})
            try:
                answer = _ask(there, model, messages, max_tokens, quiet=False)
            except RechenwerkError as error:  # the conversation goes on without this question
                sys.stderr.write(f"rechenwerk: {error}\n")
                messages.pop()
                continue
            messages.append({"role": "assistant", "content": answer.text})
            sys.stdout.write(f"\n{_summary(answer)}\n")
    except KeyboardInterrupt:
        sys.stdout.write("\n")


def _questions() -> Iterator[str]:
    while True:
        try:
            question = input("you> ").strip()
        except EOFError:
            sys.stdout.write("\n")
            return
        if question == "/quit":
            return
        if question:
            yield question


def _ask(
    there: Remote, model: str, messages: list[dict[str, str]], max_tokens: int | None, quiet: bool
) -> Answer:
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    parts: list[str] = []
    usage: dict[str, Any] = {}
    address = f"{there.url.rstrip('/')}/v1/chat/completions"
    with (
        telling(there.url, "RECHENWERK_URL"),
        httpx2.stream("POST", address, headers=there.headers(), json=body, timeout=300) as answer,
    ):
        if answer.status_code >= 400:
            raise RechenwerkError(explain(answer.status_code, _json(answer.read()), there.url))
        for event in _events(answer):
            if "error" in event:
                raise RechenwerkError(explain(answer.status_code, event, there.url))
            usage = event.get("usage") or usage
            for choice in event.get("choices") or ():
                text = choice.get("delta", {}).get("content") or ""
                parts.append(text)
                if not quiet:
                    sys.stdout.write(text)
                    sys.stdout.flush()
        call = answer.headers.get(_CALL_HEADER, "")
    booked = _booked(there, call)
    return Answer(
        text="".join(parts),
        model=model,
        call=call,
        usage=usage,
        price=booked.get("price"),
        cost=booked.get("cost"),
        currency=booked.get("currency"),
    )


def _events(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            return
        event = _json(data.encode()) if data else None
        if isinstance(event, dict):
            yield event


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _booked(there: Remote, call: str) -> dict[str, Any]:
    """The call as booked; the booking follows the last byte by a moment. Empty when the key may not look."""
    if not call:
        return {}
    for _ in range(_TRIES):
        try:
            answered = there.try_ask("GET", f"/books/calls/{call}")
        except RechenwerkError:
            return {}
        if answered.status == 200:
            return dict(answered.body)
        if answered.status != 404:
            return {}
        time.sleep(0.05)
    return {}


def _summary(answer: Answer) -> str:
    sent = answer.usage.get("prompt_tokens", "?")
    made = answer.usage.get("completion_tokens", "?")
    line = f"[{sent} tokens in, {made} out"
    if answer.price is not None:
        line += f"; price {answer.price} {answer.currency}, cost {answer.cost} {answer.currency}"
    return f"{line}; {answer.call}]" if answer.call else f"{line}]"


def add_chat(app: typer.Typer) -> None:
    """Join the command of this page."""
    app.command("chat")(chat)
