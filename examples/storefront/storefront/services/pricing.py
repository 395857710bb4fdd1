"""Delivery quotes.

The carrier's tariff is built in until its API is open to us; the delay is the
one that its test system has.
"""

import asyncio
from dataclasses import dataclass

CARRIER_LATENCY = 0.02
HOME_COUNTRY = "US"
BASE_FEE = 490
HOME_FEE_PER_KILO = 150
ABROAD_FEE_PER_KILO = 600
HOME_DAYS = 2
ABROAD_DAYS = 7
HOME_TAX_PERCENT = 8


@dataclass(frozen=True)
class Quote:
    fee_cents: int
    days: int
    tax_percent: int


async def delivery_fee(country: str, grams: int) -> int:
    await asyncio.sleep(CARRIER_LATENCY)
    kilos = (grams + 999) // 1000
    if country == HOME_COUNTRY:
        return BASE_FEE + kilos * HOME_FEE_PER_KILO
    return BASE_FEE + kilos * ABROAD_FEE_PER_KILO


async def delivery_days(country: str) -> int:
    await asyncio.sleep(CARRIER_LATENCY)
    if country == HOME_COUNTRY:
        return HOME_DAYS
    return ABROAD_DAYS


async def tax_percent(country: str) -> int:
    await asyncio.sleep(CARRIER_LATENCY)
    if country == HOME_COUNTRY:
        return HOME_TAX_PERCENT
    return 0


async def delivery_quote(country: str, grams: int) -> Quote:
    fee = await delivery_fee(country, grams)
    days = await delivery_days(country)
    tax = await tax_percent(country)
    return Quote(fee, days, tax)


async def compare_fees(countries: list[str], grams: int) -> list[int]:
    fees = []
    for country in countries:
        fees.append(await delivery_fee(country, grams))
    return fees
