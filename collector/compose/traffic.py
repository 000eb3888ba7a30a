"""Asks the gateway of the compose files something every half second, so that its dashboard has something to show."""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

ROUTES = ("chat", "chat", "cheap", "chat", "preview")


def ask(url: str, key: str, route: str, stream: bool) -> str:
    """Ask once and read the answer to its end; returns who served, or what went wrong."""
    body = {"model": route, "stream": stream, "messages": [{"role": "user", "content": "Why do apples fall?"}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310  # the caller's own gateway
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # the caller's own gateway
            answer.read()
            return f"{answer.status} {answer.headers['X-Served-By']}"
    except urllib.error.HTTPError as exc:
        return f"{exc.code} {exc.read().decode(errors='replace')[:200]}"
    except (OSError, http.client.HTTPException) as exc:  # the second: an answer that ended early
        return str(exc) or type(exc).__name__


def main() -> None:
    """Ask for every route in turn, every other time as a stream."""
    parser = argparse.ArgumentParser(description="Asks the gateway something, again and again; the key: GATEWAY_KEY.")
    parser.add_argument("url", help="of the gateway, with /v1")
    parser.add_argument("--times", type=int, default=sys.maxsize, help="how often (default: until it is ended)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two requests")
    told = parser.parse_args()
    for asked in range(told.times):
        route = ROUTES[asked % len(ROUTES)]
        print(route, ask(told.url, os.environ["GATEWAY_KEY"], route, stream=asked % 2 == 1), flush=True)
        time.sleep(told.pause)  # what makes it a request every half second, and no load


if __name__ == "__main__":
    main()
