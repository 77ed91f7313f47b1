"""A chat with any model of the cloud. Needs RECHENWERK_URL and RECHENWERK_KEY in the environment."""

import os

from openai import OpenAI

with OpenAI(base_url=os.environ["RECHENWERK_URL"] + "/v1", api_key=os.environ["RECHENWERK_KEY"]) as client:
    stream = client.chat.completions.create(
        model="smollm2-135m",
        messages=[{"role": "user", "content": "Name three colours."}],
        max_tokens=32,
        stream=True,
    )
    for chunk in stream:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()
