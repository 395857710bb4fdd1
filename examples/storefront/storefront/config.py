"""Settings, read from the environment when the service starts."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    database: Path
    documents: Path
    partner_url: str
    payment_key: str
    sync_interval: float


def load_settings() -> Settings:
    return Settings(
        database=Path(os.environ.get("STOREFRONT_DATABASE", "storefront.db")),
        documents=Path(os.environ.get("STOREFRONT_DOCUMENTS", "documents")),
        partner_url=os.environ.get("STOREFRONT_PARTNER_URL", "http://127.0.0.1:9000"),
        payment_key=os.environ.get("STOREFRONT_PAYMENT_KEY", "development"),
        sync_interval=float(os.environ.get("STOREFRONT_SYNC_INTERVAL", "300")),
    )
