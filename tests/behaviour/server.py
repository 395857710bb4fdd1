"""A small HTTP server on 127.0.0.1 that the programs talk to, and its log of what was asked.

    with serving() as server:
        server.base     "http://127.0.0.1:PORT"
        server.log      one entry per request, in the order of arrival

Each function below that is marked with `@route` answers one kind of path; its docstring says
what. Only the standard library is used, and nothing depends on time but what is asked to.
"""

import base64
import contextlib
import gzip
import hashlib
import json
import socket
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Headers that differ between HTTP libraries by their nature, and say nothing about the program.
UNCOMPARED = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "user-agent",
}
ROUTES = {}


def route(function):
    ROUTES[function.__name__.replace("_", "-")] = function
    return function


# --------------------------------------------------------------------------------------
# What can be asked. `parts` are the segments of the path after the first.


@route
def json_(request, parts):
    """/json: an object; /json/invalid: something that is none."""
    if parts:
        return request.answer(b'{"name": ', "application/json")
    body = {
        "name": "asyncup",
        "items": [1, 2.5, None, True],
        "text": "gr\u00fc\u00df dich",
    }
    request.answer(json.dumps(body, ensure_ascii=False), "application/json")


@route
def echo(request, parts):
    """/echo/...: method, path, comparable headers, and the body in base64."""
    body = {
        "method": request.command,
        "path": request.path,
        "headers": request.comparable_headers(),
        "body": base64.b64encode(request.body).decode(),
    }
    request.answer(json.dumps(body), "application/json")


@route
def status(request, parts):
    """/status/N"""
    request.answer("status " + parts[0], status=int(parts[0]))


@route
def redirect(request, parts):
    """/redirect/N?code=302: N hops, then /echo; each sets a cookie."""
    left = int(parts[0])
    code = int(request.query.get("code", 302))
    to = "/echo" if left <= 1 else "/redirect/%d?code=%d" % (left - 1, code)
    headers = [("Location", to), ("Set-Cookie", "hop%d=yes; Path=/" % left)]
    request.answer("moved", status=code, headers=headers)


@route
def loop(request, parts):
    """/loop: redirects to itself."""
    request.answer("", status=302, headers=[("Location", "/loop")])


@route
def cookies(request, parts):
    """/cookies: the Cookie header; /cookies/set?name=value: sets cookies."""
    sets = list(request.query.items()) if parts == ["set"] else []
    headers = [("Set-Cookie", "%s=%s; Path=/" % pair) for pair in sets]
    sent = sorted((request.headers.get("Cookie") or "").split("; "))
    request.answer(json.dumps(sent), "application/json", headers=headers)


@route
def slow(request, parts):
    """/slow?seconds=1: answers late."""
    time.sleep(float(request.query.get("seconds", 1)))
    request.answer("at last")


@route
def bytes_(request, parts):
    """/bytes/N: N bytes, all values in turn."""
    request.answer(
        bytes(i % 256 for i in range(int(parts[0]))), "application/octet-stream"
    )


@route
def text(request, parts):
    """/text?charset=latin-1&named=0: an umlaut in that encoding, which the header may not name."""
    charset = request.query.get("charset", "utf-8")
    named = request.query.get("named", "1") == "1"
    kind = "text/plain; charset=" + charset if named else "text/plain"
    request.answer("gr\u00fc\u00df dich".encode(charset), kind)


@route
def stream(request, parts):
    """/stream/N: N lines of JSON, chunked."""
    request.begin("application/json")
    for number in range(int(parts[0])):
        request.chunk(json.dumps({"line": number}).encode() + b"\n")
    request.chunk(b"")


@route
def gzip_(request, parts):
    """/gzip: a compressed text; /gzip/bad: not compressed, though it says so."""
    body = b"not compressed" if parts else gzip.compress(b"compressed text")
    request.answer(body, headers=[("Content-Encoding", "gzip")])


@route
def close(request, parts):
    """/close: hangs up without an answer."""
    request.close_connection = True
    request.connection.shutdown(socket.SHUT_RDWR)


@route
def cut(request, parts):
    """/cut: announces more than it sends."""
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"only this")
    request.close_connection = True


@route
def flaky(request, parts):
    """/flaky/NAME/N: 503 for the first N requests of that name, then 200."""
    with request.server.guard:
        seen = request.server.seen
        seen[parts[0]] = seen.get(parts[0], 0) + 1
        turn = seen[parts[0]]
    request.answer("turn %d" % turn, status=503 if turn <= int(parts[1]) else 200)


@route
def pages(request, parts):
    """/pages/K/N: page K of N, with the path of the next one."""
    page, last = int(parts[0]), int(parts[1])
    following = "/pages/%d/%d" % (page + 1, last) if page < last else None
    body = {"rows": [page * 10, page * 10 + 1], "next": following}
    request.answer(json.dumps(body), "application/json")


@route
def etag(request, parts):
    """/etag: 304 to who knows it already."""
    known = request.headers.get("If-None-Match") == '"v1"'
    body, code = ("", 304) if known else ("fresh", 200)
    request.answer(body, status=code, headers=[("ETag", '"v1"')])


@route
def twice(request, parts):
    """/twice: a header that comes twice, and links."""
    links = '</pages/2/9>; rel="next", </pages/9/9>; rel="last"'
    request.answer(
        "twice", headers=[("X-Twice", "one"), ("X-Twice", "two"), ("Link", links)]
    )


@route
def basic(request, parts):
    """/basic/USER/PASSWORD"""
    wanted = "Basic " + base64.b64encode(":".join(parts).encode()).decode()
    if request.headers.get("Authorization") == wanted:
        return request.answer("welcome " + parts[0])
    request.answer(
        "who?", status=401, headers=[("WWW-Authenticate", 'Basic realm="test"')]
    )


@route
def digest(request, parts):
    """/digest/USER/PASSWORD: MD5, qop=auth"""
    scheme, _, fields = (request.headers.get("Authorization") or "").partition(" ")
    if scheme == "Digest":
        given = urllib.request.parse_keqv_list(urllib.request.parse_http_list(fields))
        user = md5("%s:%s:%s" % (parts[0], given["realm"], parts[1]))
        action = md5("%s:%s" % (request.command, given["uri"]))
        wanted = [
            user,
            given["nonce"],
            given["nc"],
            given["cnonce"],
            given["qop"],
            action,
        ]
        if given["response"] == md5(":".join(wanted)):
            return request.answer("welcome " + parts[0])
    challenge = 'Digest realm="test", nonce="fixed", qop="auth", algorithm=MD5'
    request.answer("who?", status=401, headers=[("WWW-Authenticate", challenge)])


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


# --------------------------------------------------------------------------------------
# The machinery


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "test", ""
    # Small answers would otherwise wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.body = self.read_body()
        self.server.log.append(self.entry())
        first, *parts = url.path.strip("/").split("/")
        function = ROUTES.get(first) or ROUTES.get(first + "-")
        if function is None:
            return self.answer("no such path", status=404)
        function(self, parts)

    do_GET = do_POST = do_PUT = do_PATCH = handle_request
    do_DELETE = do_HEAD = do_OPTIONS = handle_request

    def comparable_headers(self):
        found = []
        for name, value in self.headers.items():
            if name.lower() == "cookie":
                value = "; ".join(sorted(value.split("; ")))
            if name.lower() not in UNCOMPARED:
                found.append([name.lower(), value])
        return sorted(found)

    def entry(self):
        """What the log keeps. A boundary or a nonce is made up by the client anew each time."""
        headers, body = self.comparable_headers(), self.body
        for pair in headers:
            mark = pair[1].partition("boundary=")[2]
            if mark:
                pair[1] = pair[1].replace(mark, "BOUNDARY")
                body = body.replace(mark.encode(), b"BOUNDARY")
            if pair[1].startswith("Digest "):
                pair[1] = "Digest"
        return [self.command, self.path, headers, base64.b64encode(body).decode()]

    def read_body(self):
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def answer(self, body, kind="text/plain; charset=utf-8", status=200, headers=()):
        body = body.encode() if isinstance(body, str) else body
        empty = status in (204, 304)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        if not empty:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and not empty:
            self.wfile.write(body)

    def begin(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, body):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Request)
        self.base = "http://127.0.0.1:%d" % self.server_port
        self.log, self.seen, self.guard = [], {}, threading.Lock()

    def handle_error(self, *_):
        # A client that hangs up early is part of some programs.
        pass


@contextlib.contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
