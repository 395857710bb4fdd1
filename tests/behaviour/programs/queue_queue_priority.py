# codemods: replace_queue_queue
# level: unsafe
"""Order by priority and last in, first out; a helper that puts without waiting."""

from queue import LifoQueue, PriorityQueue


class Plan:
    def __init__(self) -> None:
        self.steps = PriorityQueue()
        self.undo = LifoQueue()

    def _add(self, step: tuple[int, str]) -> None:
        self.steps.put(step)
        self.undo.put(step[1])

    async def add(self, *steps: tuple[int, str]) -> None:
        for step in steps:
            self._add(step)

    async def run(self) -> list:
        return [self.steps.get()[1], self.steps.get()[1], self.undo.get().upper()]


async def main():
    plan = Plan()
    await plan.add((2, "second"), (1, "first"))
    return await plan.run()
