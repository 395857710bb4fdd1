# codemods: copy_tasks_before_cancel
# level: safe
# expect: same
"""A shutdown that awaits each task of the set; none is done before the last one is reached."""

import asyncio

effects = []
tasks = set()


async def job(number):
    effects.append(number)
    return number


async def main():
    task = asyncio.create_task(asyncio.sleep(0.01))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    seen = []
    for task in tasks:
        seen.append(await asyncio.wait_for(job(1), 1))
    return seen, len(tasks)
