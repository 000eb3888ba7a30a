"""The OpenAI-shaped request and answer, as bytes whose top level was looked at once."""
