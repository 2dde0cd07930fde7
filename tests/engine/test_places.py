"""The limiter, explored: every interleaving of small programs that nest calls, streams and threads.

A program is run by strands (threads, as the limiter sees them) that take turns at each of their steps. Which
one goes next is chosen in every possible way: ``explore`` goes through all the states that can be reached.
In each, no more leaf calls are at work than a limit allows; and from each the program comes to its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest

from workbench.engine import places
from workbench.engine.places import Limiter, Place, waiting_for

Op = tuple[Any, ...]


class Turn:
    """Awaited where another strand may go on."""

    def __await__(self) -> Generator[Callable[[], bool], None, None]:
        yield lambda: True


class Until:
    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition

    def __await__(self) -> Generator[Callable[[], bool], None, None]:
        while not self._condition():
            yield self._condition


class Waiter:
    def __init__(self) -> None:
        self._woken = False

    async def wait(self) -> None:
        await Until(lambda: self._woken)

    def wake(self) -> None:
        self._woken = True


class Job:
    def __init__(self, work: Any) -> None:
        self.work = work
        self.over = False


class Strand:
    def __init__(self, number: int, work: Any) -> None:
        self.number = number
        self._work = work
        self._may_go: Callable[[], bool] | None = lambda: True
        self.steps = 0

    @property
    def over(self) -> bool:
        return self._may_go is None

    def may_go(self) -> bool:
        return self._may_go is not None and self._may_go()

    def go(self) -> None:
        self.steps += 1
        try:
            self._may_go = self._work.send(None)
        except StopIteration:
            self._may_go = None


class World:
    """One run of a program. ``limits``: those of the config; ``bound``: one that is bound to a runnable."""

    def __init__(self, limit: int, bound: int) -> None:
        self.limits = (Limiter(limit),)
        self.bound = Limiter(bound)
        self.strands: list[Strand] = []
        self.places: list[Place] = []
        self.at_work: list[tuple[Limiter, ...]] = []
        self.overran: str = ""
        self.shared: set[Place] = set()  # by several threads
        self.jobs: list[Job] = []
        self.pool_thread = 0

    def strand(self, work: Callable[[int], Any]) -> Strand:
        number = len(self.strands)
        self.strands.append(new := Strand(number, work(number + 1)))  # no strand is 0, which is "none"
        return new

    def __enter__(self) -> World:
        places._waits_for.clear()
        places._requests.clear()
        return self

    def __exit__(self, *_: object) -> None:
        for strand in self.strands:
            strand._work.close()
        for job in self.jobs:
            job.work.close()

    def begin(self, programs: list[Op], choices: tuple[int, ...] = ()) -> None:
        for op in programs:
            self.strand(lambda number, op=op: self.run(op, number, (), None))  # type: ignore[misc]
        if "pooled" in str(programs):
            self.strand(self.pool).go()
        for choice in choices:
            self.strands[choice].go()

    def state(self) -> Any:
        """Everything that decides how it goes on."""
        of = {place: number for number, place in enumerate(self.places)}
        of[None] = -1  # type: ignore[index]
        limiters = (*self.limits, self.bound)
        return (
            tuple((s.steps, s.may_go(), s.over) for s in self.strands),
            len(self.jobs),
            tuple(
                (
                    p.has_it,
                    p.looks is not None,
                    p._lent,
                    p._away,
                    p._ended,
                    of[p._home],
                    p.reader,
                    p._is_patient,
                )
                for p in self.places
            ),
            tuple(
                (tuple(of[r.place] for r in each.waiting), tuple(of[p] for p in each.parked))
                for each in limiters
            ),
        )

    # What strands do

    def limits_of(self, kind: str) -> tuple[Limiter, ...]:
        return {"leaf": self.limits, "bound": (self.bound,), "both": (*self.limits, self.bound)}[kind]

    def place(self, kind: str, kin: Any) -> Place:
        self.places.append(new := Place(self.limits_of(kind), kin))
        return new

    async def have(self, place: Place, strand: int, kin: Any) -> None:
        if not place.at_once(strand):
            await place.take(Waiter, strand, kin)

    async def work(self, place: Place) -> None:
        """A moment of user code."""
        self.at_work.append(place._limits)
        for limiter in place._limits:
            if sum(limiter in limits for limits in self.at_work) > limiter.limit:
                self.overran = f"more than {limiter.limit} at work"
        await Turn()
        self.at_work.remove(place._limits)

    async def lending(
        self, place: Place | None, strand: int, kin: Any, work: Awaitable[Any], own: bool = True
    ) -> Any:
        if place is None:
            return await work
        place.lend(own=own)
        result = await work
        place.is_back(own=own)
        if place in self.shared:
            await Turn()
        await place.take(Waiter, strand, kin)
        return result

    async def run(self, op: Op, strand: int, kin: Any, caller: Place | None) -> None:
        """What a function with the place *caller* does, or a program outside of all."""
        name, *inside = op
        if caller is not None:
            kin = (caller, caller.strand, *kin)
        if name in ("leaf", "bound", "both"):
            await self.lending(caller, strand, kin, self.call(name, inside, strand, kin))
        elif name == "read":  # a stream, and for each of its chunks a call
            await self.read(self.stream("leaf", kin), inside, strand, kin, caller)
        elif name == "read bound":
            await self.read(self.stream("bound", kin), inside, strand, kin, caller)
        elif name == "through":  # a generator between the stream and its reader
            await self.read(self.through(kin, inside), [], strand, kin, caller)
        elif name == "pumped":  # two streams at once
            await self.lending(caller, strand, kin, self.pumped(inside, strand, kin))
        elif name == "parallel":
            await self.lending(caller, strand, kin, self.parallel(inside, strand, kin))
        elif name == "thread":  # threads of the user's own, with the config
            if caller is not None and len(inside) > 1:
                self.shared.add(caller)
            threads = [self.strand(lambda n, op=op: self.run(op, n, kin, caller)) for op in inside]  # type: ignore[misc]
            await Until(lambda: all(thread.over for thread in threads))
        elif name == "pooled":  # jobs, with the config, in a pool of the user's own, which has one thread
            jobs = [Job(self.run(op, self.pool_thread, kin, caller)) for op in inside]
            self.jobs += jobs
            await Until(lambda: all(job.over for job in jobs))
        else:
            raise AssertionError(op)

    async def pool(self, number: int) -> None:
        self.pool_thread = number
        while True:
            await Until(
                lambda: bool(self.jobs) or all(s.over for s in self.strands if s.number != number - 1)
            )
            if not self.jobs:
                return
            job = self.jobs.pop(0)
            await job.work
            job.over = True

    async def call(self, kind: str, inside: list[Op], strand: int, kin: Any) -> None:
        place = self.place(kind, kin)
        await self.have(place, strand, kin)
        await self.work(place)
        for op in inside:
            await self.run(op, strand, kin, place)
        if inside and place.has_it:
            await self.work(place)
        place.give_back()

    def stream(self, kind: str, kin: Any, chunks: int = 2) -> Any:
        place = self.place(kind, kin)
        left = [None] * chunks

        async def pull(strand: int, kin: Any) -> bool:
            await self.have(place, strand, kin)
            await self.work(place)
            if not left:
                place.give_back()
                return False
            left.pop()
            place.park(strand)
            return True

        return pull

    def through(self, kin: Any, inside: list[Op]) -> Any:
        source, place = self.stream("leaf", kin), self.place("leaf", kin)

        async def pull(strand: int, kin: Any) -> bool:
            await self.have(place, strand, kin)
            if not await self.lending(place, strand, kin, source(strand, kin), own=False):
                place.give_back()
                return False
            for op in inside:
                await self.run(op, strand, kin, place)
            if place.has_it:
                await self.work(place)
            place.park(strand)
            return True

        return pull

    async def read(self, pull: Any, inside: list[Op], strand: int, kin: Any, caller: Place | None) -> None:
        while await self.lending(caller, strand, kin, pull(strand, kin)):
            for op in inside:
                await self.run(op, strand, kin, caller)

    async def parallel(self, inside: list[Op], strand: int, kin: Any) -> None:
        def begin(op: Op) -> Strand:
            return self.strand(lambda number: self.run(op, number, (strand, *kin), None))

        workers = [begin(op) for op in inside]
        await Until(lambda: all(worker.over for worker in workers))

    async def pumped(self, inside: list[Op], strand: int, kin: Any) -> None:
        ready: list[int] = []

        async def pump(number: int) -> None:
            pull = self.stream("leaf", (strand, *kin), 1)
            while await pull(number, (strand, *kin)):
                if ready:
                    with waiting_for(number, strand):
                        await Until(lambda: not ready)
                ready.append(1)

        pumps = [self.strand(pump) for _ in range(2)]
        while True:
            await Until(lambda: bool(ready) or all(each.over for each in pumps))
            if not ready:
                return
            ready.pop()
            for op in inside:  # a generator that has no place of its own here
                await self.run(op, strand, kin, None)


def explore(programs: list[Op], limits: tuple[int, int], *, patience: bool = False) -> int:
    """Go through all states; returns how many there are. Without *patience* no wait may end only by it."""
    seen: set[Any] = set()
    open_ends: list[tuple[int, ...]] = [()]
    while open_ends:
        choices = open_ends.pop()
        with World(*limits) as world:
            world.begin(programs, choices)
            assert not world.overran, (world.overran, programs, choices)
            if (state := world.state()) in seen:
                continue
            seen.add(state)
            can_go = [number for number, strand in enumerate(world.strands) if strand.may_go()]
            open_ends.extend((*choices, number) for number in can_go)
            if not can_go:
                if patience:
                    run_on(world)
                assert all(strand.over for strand in world.strands), f"stuck: {programs}, {choices}"
                for limiter in (*world.limits, world.bound):
                    assert limiter.free == limiter.limit, f"a place is lost: {programs}, {choices}"
    return len(seen)


def run_on(world: World) -> None:
    """Let patience end wherever nothing else can go on."""
    while any(not strand.over for strand in world.strands):
        strand = next((strand for strand in world.strands if strand.may_go()), None)
        if strand is not None:
            strand.go()
            assert not world.overran
            continue
        before = world.state()
        places._watch.look(0)
        if world.state() == before:
            return


@pytest.fixture(autouse=True)
def no_watching_thread(monkeypatch):
    """Time passes here only where a test says so."""

    class Watch(places._Watch):
        def over(self, limiter):
            self._limiters.add(limiter)

    monkeypatch.setattr(places, "_watch", Watch())


LEAF: Op = ("leaf",)
SMALL: list[Op] = [
    LEAF,
    ("leaf", LEAF),
    ("read", LEAF),
    ("through", LEAF),
    ("thread", LEAF),
    ("parallel", LEAF, LEAF),
]
"""What a function may do."""
FUNCTIONS: list[Op] = [("leaf", op) for op in SMALL]
OTHERS: list[Op] = [LEAF, ("read",), ("through",), ("pumped", LEAF), *FUNCTIONS]


def test_no_two_programs_ever_wait_for_each_other():
    states = sum(explore([*pair], (1, 1)) for pair in combinations(OTHERS, 2))
    assert states > 10_000  # many were looked at


def test_nor_do_they_under_a_limit_of_two():
    few = [op for op in OTHERS if op[0] != "pumped" and op[1:] != (("parallel", LEAF, LEAF),)]
    assert sum(explore([*pair], (2, 1)) for pair in combinations(few, 2)) > 3_000


@pytest.mark.parametrize("inner", SMALL, ids=str)
def test_what_is_nested_three_deep_comes_to_its_end(inner):
    for middle in ("leaf", "read", "through"):
        explore([("leaf", (middle, inner)), LEAF], (1, 1))
        for outer in ("read", "through", "pumped"):
            # A thread that no function has started is one that nobody knows of.
            explore([(outer, (middle, inner))], (1, 1), patience=inner[0] == "thread")


@pytest.mark.parametrize("limit", [1, 2])
def test_threads_of_one_function_that_go_on_at_once_are_all_woken(limit):
    explore([("leaf", ("thread", LEAF, LEAF)), LEAF, LEAF], (limit, 1))
    explore([("leaf", ("read", ("thread", LEAF, LEAF)))], (limit, 1))
    explore([("leaf", ("thread", ("leaf", LEAF), ("read",)))], (limit, 1))


BOUND: list[Op] = [
    ("bound",),
    ("both",),
    ("both", ("bound",)),
    ("bound", ("both",)),
    ("bound", ("read bound", ("bound",))),
    ("read bound", ("both",)),
    ("leaf", ("read bound", ("both",))),
    ("parallel", ("bound",), ("both",)),
]


@pytest.mark.parametrize("limits", [(1, 1), (1, 2), (2, 1)], ids=str)
def test_limits_that_are_met_in_any_order_never_wait_for_each_other_for_good(limits):
    for pair in combinations_with_replacement(BOUND, 2):
        explore([*pair], limits, patience=True)


NESTED: list[Op] = [
    ("leaf", ("both",)),
    ("both", ("both",)),
    ("both", ("both",), ("both",)),
    ("leaf", ("parallel", ("both",), LEAF)),
    ("read",),
]


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (3, 1)], ids=str)
def test_of_limits_inside_each_other_no_wait_ends_by_patience(limits):
    for pair in combinations_with_replacement(NESTED, 2):
        explore([*pair], limits)


def test_who_is_served_while_another_is_granted_does_not_get_two_places():
    """Of a place that is lent on, more is free than the one who asks needs."""
    side_by_side: Op = ("parallel", ("both",), ("both",))
    explore([("leaf", ("both",)), ("leaf", ("both",)), ("both",)], (3, 1))
    explore([("leaf", side_by_side), ("both",)], (4, 1))
    explore([("leaf", ("both",)), ("leaf", side_by_side)], (4, 1))


POOLED: list[Op] = [
    ("leaf", ("pooled", op)) for op in (LEAF, ("leaf", LEAF), ("leaf", ("read",)), ("read", LEAF))
]
POOLED += [("both", ("pooled", ("both",))), ("leaf", ("parallel", POOLED[0], LEAF)), ("both",)]


@pytest.mark.parametrize("limit", [1, 2])
def test_jobs_of_a_pool_with_one_thread_never_wait_for_a_function_whose_job_is_queued(limit):
    for pair in combinations_with_replacement(POOLED if limit == 1 else POOLED[:3], 2):
        explore([*pair], (limit, 1))
    explore([POOLED[0]] * 3, (1, 1))
    explore([("leaf", ("pooled", ("both",)))] * 2 + [("both",)], (limit, 1))


@pytest.mark.parametrize("limit", [1, 2])
def test_a_thread_that_nobody_knows_of_gets_the_place_of_the_stream_that_waits_for_it(limit):
    """Without the config nothing says that the reader waits for its thread: patience ends the wait."""

    def read_with_a_lone_thread(world: World) -> Callable[[int], Any]:
        async def work(strand: int) -> None:
            pull = world.stream("bound", (), 3)
            while await pull(strand, ()):
                thread = world.strand(lambda number: world.run(("bound", ("bound",)), number, (), None))
                await Until(lambda thread=thread: thread.over)

        return work

    with World(1, limit) as world:
        for _ in range(3):
            world.strand(read_with_a_lone_thread(world))
        run_on(world)
        assert all(strand.over for strand in world.strands)
        assert world.bound.free == limit


def test_a_place_may_be_given_up_at_any_moment():
    """Whenever patience ends, no more are at work than may be, and all come to their end."""
    for moment in range(40):
        for programs in (
            [("leaf", ("read", LEAF)), ("read",)],
            [("through", LEAF), ("through", LEAF)],
            [("pumped", LEAF), ("read bound", ("both",))],
        ):
            with World(1, 1) as world:
                world.begin(programs)
                for step in range(400):
                    strand = next((s for s in world.strands[step % 3 :] + world.strands if s.may_go()), None)
                    if strand is None:
                        break
                    strand.go()
                    if step == moment:
                        places._watch.look(0)
                    assert not world.overran
                run_on(world)
                assert all(strand.over for strand in world.strands), (programs, moment)


def test_three_streams_under_a_limit_of_one_are_open_one_after_the_other():
    """Nobody else waits for their reader, so none is begun before the one before has ended."""
    order: list[int] = []

    def reader(number: int) -> Callable[[int], Any]:
        async def work(strand: int) -> None:
            pull = world.stream("leaf", (), 3)
            while await pull(strand, ()):
                order.append(number)

        return work

    with World(1, 1) as world:
        for number in range(3):
            world.strand(reader(number))
        while turn := [strand for strand in world.strands if strand.may_go()]:
            for strand in turn:
                strand.go()
    assert order == [0, 0, 0, 1, 1, 1, 2, 2, 2]
