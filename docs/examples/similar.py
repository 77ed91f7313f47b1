"""Which sentence means the same? Embeddings across languages."""

import os

from openai import OpenAI

SENTENCES = [
    "The payment is due in thirty days.",
    "Das Wetter wird morgen schön.",
    "Die Zahlung ist bald fällig.",
]

with OpenAI(base_url=os.environ["RECHENWERK_URL"] + "/v1", api_key=os.environ["RECHENWERK_KEY"]) as client:
    answer = client.embeddings.create(model="potion-multilingual", input=SENTENCES)
    first, *others = [row.embedding for row in answer.data]
    for sentence, vector in zip(SENTENCES[1:], others, strict=True):
        print(f"{sum(a * b for a, b in zip(first, vector, strict=True)):.2f}  {sentence}")
