"""llama-benchy: a benchmark whose answers have the length it asked for. It knows no tools."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

# It takes its tokenizer and its book from the net; these are made here.
home = Path(tempfile.mkdtemp())
text = "It was a dark and stormy night. " * 200
tokenizer = Tokenizer(models.WordLevel({"dark": 0, "?": 1}, unk_token="?"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.save(str(home / "tokenizer.json"))
book_url = "http://book.invalid"
book = home / ".cache" / "llama-benchy" / f"{hashlib.md5(book_url.encode()).hexdigest()}.txt"
book.parent.mkdir(parents=True)
book.write_text(text)


def answer_tokens(*options: str) -> list[int]:
    """How long each measured answer was."""
    progress = home / "progress.jsonl"
    command = [sys.executable, "-m", "llama_benchy", "--base-url", sys.argv[1]]
    command += ["--model", "fast", "--tokenizer", str(home), "--book-url", book_url]
    command += ["--pp", "64", "--tg", "120", "--runs", "2", "--skip-coherence"]
    command += ["--exit-on-first-fail", "--emit-progress", str(progress), *options]
    subprocess.run(command, env=os.environ | {"HOME": str(home)}, check=True)
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    return [event["total_tokens"] for event in events if event["type"] == "request_end"]


assert answer_tokens("--exact-tg") == [120, 120]
assert answer_tokens("--extra-body", 'mock={"output_tokens": 110}') == [110, 110]
