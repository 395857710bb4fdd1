"""Invoices, the audit trail and the terms of sale: plain files."""

import json
import os
from pathlib import Path

from storefront.errors import NotFound


def append_line(path: Path, line: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def record(directory: Path, event: str, number: str) -> None:
    """Add one entry to the audit trail."""
    entry = json.dumps({"event": event, "order": number})
    append_line(directory / "audit.log", entry)


async def store_invoice(directory: Path, number: str, cents: int) -> Path:
    path = directory / f"{number}.txt"
    text = f"Invoice {number}\nTotal: {cents / 100:.2f}\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    record(directory, "invoiced", number)
    return path


async def load_invoice(directory: Path, number: str) -> str:
    path = directory / f"{number}.txt"
    if not os.path.exists(path):
        raise NotFound(f"no invoice {number}")
    with open(path, encoding="utf-8") as file:
        return file.read()


async def read_audit(directory: Path) -> list[dict]:
    entries = []
    with open(directory / "audit.log", encoding="utf-8") as file:
        for line in file:
            entries.append(json.loads(line))
    return entries
