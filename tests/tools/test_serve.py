"""The book is served on loopback, on a port that is free."""

import threading
import urllib.request
from pathlib import Path

from serve import address, book_server


def test_next_free_port_is_taken(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the book", encoding="utf-8")
    with book_server(tmp_path, port=0) as first:
        taken = first.server_address[1]
        with book_server(tmp_path, port=taken) as second:
            assert second.server_address[0] == "127.0.0.1"
            assert second.server_address[1] > taken
            threading.Thread(target=second.serve_forever, daemon=True).start()
            with urllib.request.urlopen(address(second)) as answer:
                assert answer.read() == b"the book"
            second.shutdown()
