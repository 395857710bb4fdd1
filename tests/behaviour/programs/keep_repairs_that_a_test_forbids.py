# codemods: remove_loop_argument, wrap_waited_coroutines
# level: none
# target: py312
"""Calls that raise stay as they are where that is what a test asserts."""

import asyncio
import unittest


async def work():
    await asyncio.sleep(0)


class Tests(unittest.IsolatedAsyncioTestCase):
    async def test_loop(self):
        with self.assertRaises(TypeError):
            asyncio.Lock(loop=asyncio.get_running_loop())

    async def test_wait(self):
        coroutine = work()
        with self.assertRaises(TypeError):
            await asyncio.wait([coroutine, asyncio.create_task(work())])
        coroutine.close()


async def main():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Tests)
    result = await asyncio.to_thread(unittest.TextTestRunner(stream=open("/dev/null", "w")).run, suite)
    return result.testsRun, len(result.failures), len(result.errors)
