# codemods: gather_sequential_awaits
# level: safe
"""Targets and calls that do not fit into one line."""

import asyncio


async def fetch_quarterly_statement(company: str, quarter: int, currency: str) -> str:
    await asyncio.sleep(0.01)
    return f"{company} {quarter} {currency}"


async def main():
    statement_of_the_first_quarter = await fetch_quarterly_statement("Acme Ltd.", 1, "EUR")
    statement_of_the_second_quarter = await fetch_quarterly_statement("Acme Ltd.", 2, "USD")
    return statement_of_the_first_quarter, statement_of_the_second_quarter
