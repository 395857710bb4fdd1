#!/usr/bin/env python3
"""Puts examples/storefront under load before and after `asyncup apply --unsafe-fixes`, and compares requests per second and latency.

    cargo build
    python3 benches/storefront_load.py                       # 50 clients, 10 seconds each, partners that answer after 200 ms
    python3 benches/storefront_load.py --clients 20 --seconds 30 --delay 500
    python3 benches/storefront_load.py --json                # the figures alone, for other programs

Needs Python 3.12+ for the service; its packages are installed once, as for its tests (tests/behaviour/environment.py). The tool's build makes no
difference to the figures. The service runs under uvicorn with one worker; the partners' APIs are served by this script in a process of its own, each answer
after --delay milliseconds. The clients, in this process, keep their connections and send the next request when the answer to the last one is there.

What they ask for, in turn: the image of a product (`requests`), the supplier's health (`httpx.get`), the availability of a product (two calls of an
`httpx.AsyncClient`, one after the other), a delivery quote (three waits of 20 ms) and the list of products (SQLAlchemy). Orders are left out: as it
is, the service holds a lock of threads while it waits, and two orders at the same time stop it for good.

An answer counts when its status is 200; others are counted apart. Other work on the machine lowers both figures: look at the ratio and at the load that
is printed.
"""
import argparse, asyncio, itertools, json, os, platform, random, shutil, socket, sqlite3, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "storefront"
PATHS = [
    "/products/lamp/image",
    "/products/lamp/availability",
    "/products/delivery?country=US&grams=1500",
    "/products",
    "/reports/supplier",
]
SKUS = [("desk", "Desk", 60_000, 9), ("lamp", "Lamp", 2500, 3), ("mug", "Mug", 900, 50)]
WARM_UP = 1.5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=Path, default=ROOT / "target" / "debug" / "asyncup", metavar="PATH", help="default: target/debug/asyncup")
    parser.add_argument("--python", metavar="PATH", help="with the example's packages; default: an environment that is made once")
    parser.add_argument("--clients", type=int, default=50, metavar="N")
    parser.add_argument("--seconds", type=float, default=10, metavar="S")
    parser.add_argument("--delay", type=float, default=200, metavar="MS", help="of each answer of a partner")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--partners", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.partners:
        return asyncio.run(serve_partners(args.delay / 1000))
    tool = args.tool.resolve()
    if not os.access(tool, os.X_OK):
        parser.error(f"{args.tool} is not there: `cargo build`, or give --tool")
    python = args.python or environment()
    load_before = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="asyncup-load-") as folder, partners(args) as url:
        before, after = Path(folder, "before"), Path(folder, "after")
        for copy in before, after:
            shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        apply = [tool, "apply", "--unsafe-fixes", "--no-cache", "."]
        subprocess.run(apply, cwd=after, check=True, capture_output=True, env={**os.environ, "ASYNCUP_STATE_DIR": str(Path(folder, "state"))})
        figures = {copy.name: measured(python, copy, url, args) for copy in (before, after)}
    figures["ratio"] = {
        "requests_per_second": round(figures["after"]["requests_per_second"] / max(figures["before"]["requests_per_second"], 0.1), 2),
        "p99_ms": round(figures["before"]["p99_ms"] / figures["after"]["p99_ms"], 2),
    }
    figures["settings"] = {"clients": args.clients, "seconds": args.seconds, "delay_ms": args.delay, "cores": os.cpu_count(), "load": load_before}
    print(json.dumps(figures, indent=1) if args.json else table(figures))


def table(figures):
    rows = [f"{'':8}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'other answers':>16}"]
    for name in "before", "after":
        one = figures[name]
        rows.append(f"{name:8}{one['requests_per_second']:>12.1f}{one['p50_ms']:>10.0f}{one['p99_ms']:>10.0f}{one['failed']:>16}")
    ratio, settings = figures["ratio"], figures["settings"]
    rows.append(f"{ratio['requests_per_second']:.1f} times as many requests per second, the 99th percentile of latency is {ratio['p99_ms']:.1f} times shorter")
    rows.append(
        f"{settings['clients']} clients for {settings['seconds']:g} s each, partners answer after {settings['delay_ms']:g} ms; "
        f"{settings['cores']} cores, load {settings['load']:.1f}, {platform.machine()}"
    )
    return "\n".join(rows)


def environment():
    """The interpreter of the example's own environment."""
    command = [sys.executable, ROOT / "tests" / "behaviour" / "environment.py", "--requirements", EXAMPLE / "requirements.txt", "--least", "3.12"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout.strip()


class partners:
    """The partners' APIs in a process of their own, and their address."""

    def __init__(self, args):
        self.delay = args.delay

    def __enter__(self):
        command = [sys.executable, __file__, "--partners", "--delay", str(self.delay)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return f"http://127.0.0.1:{self.process.stdout.readline().strip()}"

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait()


async def serve_partners(delay):
    async def answer(reader, writer):
        try:
            while request := await reader.readline():
                path = request.split()[1].decode()
                while (await reader.readline()).strip():
                    pass
                await asyncio.sleep(delay)
                kind, body = content(path)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def content(path):
    if path.startswith("/images/"):
        return "image/png", b"\x89PNG" + bytes(2000)
    answers = {
        "/supplier/status": {"status": "up"},
        "/supplier/products?page=1": {"items": [{"sku": "lamp"}], "next": None},
        "/warehouse/lamp": {"available": 4},
        "/warehouse/lamp/deliveries": {"next": "2030-01-15"},
    }
    return "application/json", json.dumps(answers.get(path, {})).encode()


def measured(python, project, partner_url, args):
    """Starts the service, asks for --seconds, and stops it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    database = project / "shop.db"
    settings = {
        "STOREFRONT_DATABASE": str(database),
        "STOREFRONT_DOCUMENTS": str(project / "documents"),
        "STOREFRONT_PARTNER_URL": partner_url,
        "NO_PROXY": "127.0.0.1",
    }
    command = [python, "-m", "uvicorn", "storefront.main:app", "--port", str(port), "--log-level", "critical"]
    log = project / "service.log"
    with open(log, "w") as file:
        service = subprocess.Popen(command, cwd=project, env={**os.environ, **settings}, stdout=file, stderr=file)
    try:
        started(service, port, log)
        with sqlite3.connect(database) as connection:
            connection.executemany("insert into products (sku, name, price_cents, stock) values (?, ?, ?, ?)", SKUS)
        return asyncio.run(load(port, args))
    finally:
        service.terminate()
        try:
            service.wait(10)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def started(service, port, log):
    for _ in range(300):
        if service.poll() is not None:
            sys.exit(f"the service did not start:\n{log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the service does not answer:\n{log.read_text()}")


async def load(port, args):
    latencies, failed = [], 0
    begin = time.perf_counter() + WARM_UP
    end = begin + args.seconds

    async def client(number):
        nonlocal failed
        paths = itertools.islice(itertools.cycle(PATHS), number, None)
        reader = writer = None
        await asyncio.sleep(random.Random(number).random() * 0.2)
        while time.perf_counter() < end:
            asked = time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                status = await ask(reader, writer, next(paths))
            except (OSError, asyncio.IncompleteReadError):
                status, writer = 0, None
            now = time.perf_counter()
            if begin <= now <= end:
                if status == 200:
                    latencies.append((now - asked) * 1000)
                else:
                    failed += 1
        if writer is not None:
            writer.close()

    await asyncio.gather(*(client(number) for number in range(args.clients)))
    if len(latencies) < 2:
        sys.exit("the service gave no answers")
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "failed": failed,
        "requests_per_second": round(len(latencies) / args.seconds, 1),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
    }


async def ask(reader, writer, path):
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().splitlines()
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


if __name__ == "__main__":
    main()
