"""Turn the published weights of all-MiniLM-L6-v2 into a GGUF that llama.cpp serves: a process of its own.

``python -m rechenwerk.providers.sentence_gguf WEIGHTS VOCABULARY OUT``. Architecture and sizes are those of
the model's published config.json; names of tensors and keys are those of llama.cpp's `gguf` library. Matrices
become float16, everything else stays float32. The same input gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

LAYERS, WIDTH, INNER, HEADS, LONGEST = 6, 384, 1536, 12, 512
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTROL, NORMAL = 3, 1
WORD_START = "\u2581"


def piece(token: str) -> str:
    """A token of WordPiece as GGUF writes it: a mark where a word begins instead of ## where it goes on."""
    if token in SPECIAL or (token.startswith("[") and token.endswith("]")):
        return token
    return token[2:] if token.startswith("##") else WORD_START + token


def write(weights: Path, vocabulary: Path, out: Path) -> None:
    """Convert."""
    tokens = vocabulary.read_text(encoding="utf-8").rstrip("\n").split("\n")
    writer = gguf.GGUFWriter(str(out), "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_context_length(LONGEST)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([piece(token) for token in tokens])
    writer.add_token_types([CONTROL if token in SPECIAL else NORMAL for token in tokens])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(tokens.index("[CLS]"))
    writer.add_sep_token_id(tokens.index("[SEP]"))
    writer.add_unk_token_id(tokens.index("[UNK]"))
    writer.add_pad_token_id(tokens.index("[PAD]"))
    writer.add_mask_token_id(tokens.index("[MASK]"))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, LAYERS)
    for name, array in load_file(str(weights)).items():
        if name.startswith("pooler") or "position_ids" in name:
            continue  # sentences are pooled by their mean
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise SystemExit(f"unknown tensor {name}: these are not the weights of all-MiniLM-L6-v2")
        whole = array.ndim == 1 or known.startswith(("position_embd", "token_types"))
        writer.add_tensor(known, array.astype(np.float32 if whole else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:4]))
