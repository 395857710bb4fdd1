# codemods: keep_task_reference
# level: safe
"""A failure of a task is reported while the function that started it goes on."""

import asyncio
import gc


async def notify(user):
    raise ValueError(user)


async def serve():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, ctx: print("reported:", repr(ctx["exception"])))
    asyncio.create_task(notify("ada"))
    for i in range(3):
        await asyncio.sleep(0.002)
        gc.collect()
        print("tick", i)


asyncio.run(serve())
