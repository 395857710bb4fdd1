# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""Tabs, and an inner block of one line."""

import asyncio


async def tick(number):
	await asyncio.sleep(0.001)
	return number + 1


async def main():
	number = 0
	while number < 3:
		number = await asyncio.wait_for(tick(number), 1)
	try: number = await asyncio.wait_for(tick(number), 1)
	except TimeoutError: number = -1
	return number
