"""The server: HTTP, WebSocket and a page. Needs the extra `serve`."""
