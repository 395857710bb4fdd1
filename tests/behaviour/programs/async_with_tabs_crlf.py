# codemods: use_async_with
# level: safe
# text: crlf
"""Tabs, comments, an annotation and a string of several lines."""

import asyncio

effects = []


async def numbers():
	try:
		yield 1
	finally:
		effects.append("closed")


async def main():
	# Made here.
	gen: object = numbers()  # and closed below

	try:  # once
		text = """one
	two"""
		async for number in gen:
			effects.append((number, text))
			break

	finally:
		# In any case.
		await gen.aclose()
	await asyncio.sleep(0)
	effects.append("behind")
	return text
