"""The fast transport: HTTP/1.1 on asyncio and httptools, TLS included; no proxies, no HTTP/2, those are httpx's."""
