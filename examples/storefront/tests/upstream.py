"""The partners' APIs, served from a thread on the loopback interface."""

import contextlib
import json
import socket
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RATES = {"EUR": "0.5", "GBP": "0.25"}
PAGES = [["lamp", "mug"], ["pen"]]
PRICES = {"lamp": 2599, "mug": 900, "pen": 150}
PAYMENT_LIMIT = 100_000


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: dict | None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def do_GET(self) -> None:
        self.handle_call("GET")

    def do_POST(self) -> None:
        self.handle_call("POST")

    def handle_call(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(method, self.path, headers, json.loads(raw) if raw else None)
        status, content = self.server.partners.answer(call)
        if isinstance(content, bytes):
            kind, data = "image/png", content
        else:
            kind, data = "application/json", json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *args) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, partners: "Partners") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.partners = partners
        self.connections: list[socket.socket] = []

    def hang_up(self) -> None:
        """Close the connections that clients keep open."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Partners:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.planned: dict[tuple[str, str], deque] = defaultdict(deque)
        self.stalled: set[str] = set()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def plan(self, method: str, path: str, *statuses: int) -> None:
        """Answer the next calls of a path with these statuses."""
        self.planned[method, path].extend(statuses)

    def stall(self, path: str) -> None:
        """Leave all calls of a path without an answer."""
        self.stalled.add(path)

    def bodies(self, path: str) -> list[dict]:
        return [call.body for call in list(self.calls) if call.path == path]

    def count(self, method: str, path: str) -> int:
        calls = list(self.calls)
        return sum(call.method == method and call.path == path for call in calls)

    def answer(self, call: Call) -> tuple[int, object]:
        with self._lock:
            self.calls.append(call)
            number = len(self.calls)
            planned = self.planned[call.method, call.path]
            status = planned.popleft() if planned else None
        if call.path in self.stalled:
            self.released.wait()
        if status is not None:
            return status, {"detail": "planned"}
        match call.method, call.path.strip("/").split("/"):
            case "GET", ["rates", currency] if currency in RATES:
                return 200, {"rate": RATES[currency]}
            case "GET", ["images", "lamp.png"]:
                return 200, b"\x89PNG lamp"
            case "GET", ["supplier", "status"]:
                return 200, {"status": "up"}
            case "GET", ["supplier", page] if page.startswith("products?page="):
                return 200, self.page(int(page.removeprefix("products?page=")))
            case "GET", ["supplier", "products", sku] if sku in PRICES:
                return 200, self.item(sku)
            case "GET", ["warehouse", sku]:
                return 200, {"available": len(sku)}
            case "GET", ["warehouse", _, "deliveries"]:
                return 200, {"next": "2030-01-15"}
            case "POST", ["payments"] if call.body["amount"] > PAYMENT_LIMIT:
                return 402, {"reason": "limit exceeded"}
            case "POST", ["payments"]:
                return 201, {"id": f"pay-{number}"}
            case "POST", ["payments", _, "refund"]:
                return 200, {"status": "refunded"}
            case "POST", ["notifications", _]:
                return 202, {}
        return 404, {"detail": "unknown"}

    def page(self, number: int) -> dict:
        more = number < len(PAGES)
        return {
            "items": [self.item(sku) for sku in PAGES[number - 1]],
            "next": f"/supplier/products?page={number + 1}" if more else None,
        }

    def item(self, sku: str) -> dict:
        return {"sku": sku, "name": sku.title(), "price_cents": PRICES[sku]}
