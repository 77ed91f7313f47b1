"""The most that a call can use, as far as its body tells: what its hold is made for."""

from __future__ import annotations

import re

import msgspec

from rechenwerk.gateway.call import Call
from rechenwerk.wire.openai import answers
from rechenwerk.wire.rerank import most_used

_TEMPLATE_TOKENS = 256
"""What a provider's chat template may add to a prompt, beyond the bytes of the body."""
_NOT_TEXT = re.compile(
    rb'"(?:'
    rb"image_url|input_audio|audio_url|audio|file|video_url|image|input_image|input_file|document|document_url"
    rb"|image_generation\w*|web_search\w*|web_fetch\w*|file_search|code_interpreter|mcp\w*|computer\w*"
    rb"|item_reference|container_upload|[a-z_]+_20\d{6}"  # the last are Anthropic's own tools, by their date
    rb')"'
)
"""Parts of a prompt that may take more tokens than they have bytes: then the whole context is held."""
_HIDDEN = re.compile(rb"\\u00(?:5[fF]|6|7[0-9aA])")
"""A letter or underscore written as an escape, which nobody needs: such a name could be any of these."""
_LONG = b"context-1m"
_LONG_TOKENS = 1_000_000
"""A beta of Anthropic's that a client may ask for, and the context it has then."""
_TALKS = frozenset({"chat", "messages", "responses"})
NO_OUTPUT = frozenset({"embeddings", "rerank", "count_tokens"})
_several = msgspec.json.Decoder(list[msgspec.Raw])


def bound(call: Call) -> None:
    """Note the most tokens in and out, and pieces, that the call can use at any deployment of its plan."""
    request, plan = call.request, call.plan
    # Providers differ in which of the two they believe.
    chosen = max(request.max_completion_tokens or 0, request.max_tokens or 0)
    if call.endpoint not in NO_OUTPUT:
        call.output_bound = (chosen or plan.max_output_tokens) * answers(request)
    call.bound = len(call.asked) + _TEMPLATE_TOKENS
    if call.endpoint in _TALKS:
        context = plan.context_tokens
        if _LONG in call.forwarded:
            context = max(context, _LONG_TOKENS)
        if call.bound > context or _NOT_TEXT.search(call.asked) or _HIDDEN.search(call.asked):
            call.bound = context
    elif call.endpoint == "embeddings":
        call.bound = max(call.bound, _objects(bytes(request.input)) * plan.context_tokens)
    elif call.endpoint == "rerank":
        tokens, call.units = most_used(call.asked, plan.context_tokens)
        call.bound += tokens


def _objects(given: bytes) -> int:
    """How many of the inputs are no text but objects, such as pictures."""
    if b"{" not in given:
        return 0
    return sum(bytes(one)[:1] == b"{" for one in _several.decode(given)) if given[:1] == b"[" else 1
