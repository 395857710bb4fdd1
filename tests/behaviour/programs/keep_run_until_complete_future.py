# codemods: replace_run_until_complete
# level: none
"""A future belongs to the loop that it was made for."""

import asyncio

if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, "set")
    print(loop.run_until_complete(future))
    loop.close()
