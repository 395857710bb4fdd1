# codemods: replace_time_sleep
# level: safe
# text: crlf
"""Tabs and other line endings."""

import time


async def main():
	turns = 0
	while turns < 2:
		time.sleep(0.001)	# a short one
		turns += 1
	return turns
