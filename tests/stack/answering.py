"""An HTTP server on loopback that gives prepared answers and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Asked:
    """What was asked, and where.

    Args:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.queries: list[dict[str, str]] = []
        self.lines: list[str] = []


@contextmanager
def answering(answers: Mapping[str, tuple[int, str]]) -> Iterator[Asked]:
    """Serve status and body by path; a path that is not there closes the connection without an answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, query: str) -> None:
            asked.lines.append(f"{self.command} {self.path}")
            asked.queries.append({name: values[0] for name, values in parse_qs(query).items()})
            if (answer := answers.get(urlsplit(self.path).path)) is None:
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1].encode())))
            self.end_headers()
            self.wfile.write(answer[1].encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = Asked(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
