"""The live view in a terminal: in a real pseudo-terminal, in a pipe, and as lines.

The scripts run in processes of their own, with real chains and known delays; ``pyte`` is the terminal.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pexpect
import pyte
import pytest
from rich.console import Console

from workbench.engine.runs import Run
from workbench.live.state import LiveState
from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableGenerator, RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.views.document import rows_of
from workbench.views.terminal.text import Tail, clean, cropped
from workbench.views.terminal.tree import RunTree
from workbench.views.terminal.view import TerminalView

PREAMBLE = """
import sys, time
from workbench.views.terminal.view import TerminalView
from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableGenerator, RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.live.state import LiveState

class Model(Runnable):
    run_type = "chat_model"
    def __init__(self, text, each_s=0.02, name="my_llm"):
        self.text, self.each_s, self.name = text, each_s, name
    def stream(self, input, config=None, **kwargs):
        for word in self.text.split(" "):
            time.sleep(self.each_s)
            yield word + " "

def chain(text, **kwargs):
    return RunnableLambda(str, name="ask") | Model(text, **kwargs)

live = LiveState()
config = {"callbacks": [live]}

def wait_for(path):
    import os
    while not os.path.exists(path):
        time.sleep(0.01)
"""


TWO_TEXTS = """
def words(_):
    yield "first words "
    wait_for({go_on!r})
    yield "last words"
with TerminalView(live, title="my chain"):
    for _ in (RunnableLambda(str, name="ask") | RunnableLambda(words)).stream("q", config): pass
"""


class Terminal:
    """A process in a pseudo-terminal, and what is on its screen."""

    def __init__(self, body: str, *, width: int = 100, height: int = 30, **env: str) -> None:
        self.screen = pyte.HistoryScreen(width, height, history=5000, ratio=0.001)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.process = pexpect.spawn(
            sys.executable,
            ["-c", PREAMBLE + textwrap.dedent(body)],
            dimensions=(height, width),
            env={**clean_env(), "TERM": "xterm-256color", **env},
            timeout=20,
        )

    def read(self, seconds: float = 0.1) -> str:
        try:
            data = self.process.read_nonblocking(1 << 16, timeout=seconds)
            self.raw += data
            self._stream.feed(data)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        return self.text

    def until(self, seen: Callable[[str], bool] | str) -> str:
        """The screen once something is on it."""
        test = seen if callable(seen) else lambda text: seen in text
        deadline = time.monotonic() + 20
        while not test(self.read()):
            if time.monotonic() > deadline or not (self.process.isalive() or test(self.read())):
                raise AssertionError(f"never seen: {seen}\n{self.text}")
        return self.text

    def end(self) -> str:
        while self.process.isalive() or self.read(0.2) is None:
            self.read()
        for _ in range(5):
            self.read(0.05)
        return self.text

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def scrollback(self) -> str:
        rows = [
            "".join(line[column].data for column in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        return "\n".join([*rows, self.text])

    @property
    def has_cursor(self) -> bool:
        return not self.screen.cursor.hidden


def clean_env() -> dict[str, str]:
    odd = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "TTY_COMPATIBLE")
    return {**{key: value for key, value in os.environ.items() if key not in odd}, "PYTHONUTF8": "1"}


@pytest.fixture
def terminal() -> Any:
    opened: list[Terminal] = []

    def start(body: str, **options: Any) -> Terminal:
        opened.append(Terminal(body, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.process.close(force=True)


def piped(body: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(body)],
        capture_output=True,
        env={**clean_env(), **env},
        timeout=30,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode(env.get("PYTHONIOENCODING", "utf-8"))


def test_tokens_and_the_tree_are_seen_before_the_end(terminal: Any, tmp_path: Any):
    go_on = tmp_path / "go"
    view = terminal(TWO_TEXTS.format(go_on=str(go_on)))
    text = view.until("first words")
    assert "last words" not in text
    assert "my chain · ▸ streaming" in text
    text = view.until("└ ▸ words")
    assert "├ ✓ ask" in text
    assert not view.has_cursor
    go_on.touch()
    text = view.end()
    assert "first words last words" in text
    assert "my chain · ✓ done" in text
    assert "streaming" not in view.scrollback
    assert view.has_cursor


def test_ctrl_c_gives_the_terminal_back_and_keeps_what_came(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain("some words " * 500).stream("q", config): pass
        """
    )
    view.until("some words some words")
    assert not view.has_cursor
    view.process.sendintr()
    text = view.end()
    assert "KeyboardInterrupt" in text
    assert "■ cancelled" in view.scrollback
    assert "streaming" not in view.scrollback
    assert view.scrollback.count("some words some words") >= 1
    assert view.has_cursor


def test_a_script_that_dies_without_finish_still_gets_its_cursor_back(terminal: Any):
    view = terminal(
        """
        TerminalView(live).show()
        for _ in chain("a b c d e f g h").stream("q", config): pass
        sys.exit(3)
        """
    )
    view.end()
    assert view.has_cursor
    assert b"\x1b[?25l" in view.raw


def test_markup_and_escapes_in_model_output_are_inert(terminal: Any):
    hostile = "[bold]b[/bold] [link=http://x]l[/link] [/] \x1b[31mred\x1b]0;owned\x07 "
    hostile += "\x9b2J \x1b[2J\rback \u202eabc :smile:"
    view = terminal(
        f"""
        def words(_):
            for word in {hostile!r}.split(" "):
                time.sleep(0.05)
                yield word + " "
        with TerminalView(live, title="[red]t[/red]\\x1b[5m"):
            for _ in RunnableGenerator(words, name="[blink]w").stream("q\\x1b[2J", config): pass
        """
    )
    text = view.end()
    assert "[bold]b[/bold] [link=http://x]l[/link] [/] ␛[31mred␛]0;owned␇ �2J ␛[2Jback �abc :smile:" in text
    assert "[red]t[/red]␛[5m" in text
    assert "✓ [blink]w" in text
    for sequence in (b"\x1b[31mred", b"\x1b]0;", b"\x1b[2J", b"\x9b2J", b"\x1b[5m"):
        assert sequence not in view.raw
    assert view.screen.title == ""


def test_branches_stand_side_by_side_under_their_keys(terminal: Any, tmp_path: Any):
    go_on = tmp_path / "go"
    view = terminal(
        f"""
        def branch(word):
            def words(_):
                yield word + " "
                wait_for({str(go_on)!r})
                yield "end of " + word
            return words
        with TerminalView(live):
            for _ in RunnableParallel(joke=branch("bears"), poem=branch("whales")).stream("q", config): pass
        """
    )
    text = view.until(lambda text: "bears" in text and "whales" in text)
    heads = next(line for line in text.split("\n") if line.startswith("joke "))
    words = next(line for line in text.split("\n") if line.startswith("bears"))
    assert heads.index("poem") == words.index("whales")
    view.until("├ ▸ joke: words")
    go_on.touch()
    lines = view.end().split("\n")
    assert lines[lines.index("joke") + 1] == "bears end of bears"
    assert lines[lines.index("poem") + 1] == "whales end of whales"


def test_each_item_of_a_batch_has_a_section(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            chain("to {}").batch(["bears", "cats", "dogs"], config)
        """
    )
    lines = view.end().split("\n")
    heads = [number for number, line in enumerate(lines) if line.endswith(("bears", "cats", "dogs"))]
    assert [lines[number][:2] for number in heads] == ["1 ", "2 ", "3 "]  # in the order in which they began
    assert all(lines[number + 1].startswith("to {}") for number in heads)
    assert "✓ done · 3 runs" in lines[0]


def test_the_whole_of_a_long_output_is_in_the_scrollback_once(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain(" ".join(f"w{n}" for n in range(2000)), each_s=0.0005).stream("q", config): pass
        """,
        height=20,
    )
    view.end()
    words = " ".join(view.scrollback.split("\n")).split()
    assert [word for word in words if word[0] == "w" and word[1:].isdigit()] == [f"w{n}" for n in range(2000)]


def test_what_steps_print_stays_above_the_view(terminal: Any):
    view = terminal(
        """
        def talk(value):
            for number in range(30):
                print("line", number)
                time.sleep(0.01)
            return value
        with TerminalView(live):
            for _ in (RunnableLambda(talk) | Model("the answer")).stream("q", config): pass
        """
    )
    view.end()
    lines = view.scrollback.split("\n")
    assert [line for line in lines if line.startswith("line")] == [f"line {n}" for n in range(30)]
    assert sum("chunks" in line or "tokens" in line for line in lines) == 1


def test_the_failed_step_is_named_with_its_message_and_the_partial_output_stays(terminal: Any):
    view = terminal(
        """
        def words(_):
            yield "so far "
            raise ValueError("no [b]such[/b] thing")
        with TerminalView(live):
            try:
                for _ in (RunnableLambda(str) | words).stream("q", config): pass
            except ValueError: pass
        """
    )
    text = view.end()
    assert "✗ failed" in text
    assert "so far" in text
    assert "✗ RunnableSequence > words\n  ValueError: no [b]such[/b] thing" in text


@pytest.mark.parametrize("width", [40, 24])
def test_a_narrow_terminal_shows_it_without_a_broken_line(terminal: Any, width: int):
    view = terminal(
        """
        with TerminalView(live, title="a rather long title"):
            for _ in RunnableParallel(joke=chain("a b c " * 9), poem=chain("d e f " * 9)).stream("q", config):
                pass
        """,
        width=width,
    )
    view.until("▸ streaming")
    text = view.end()
    assert "✓ done" in text
    tree = [line for line in text.split("\n") if line.startswith(("✓", "├", "└", "│", "  ├", "  └"))]
    assert len(tree) == 7


def test_the_last_line_has_room_for_an_echoed_interrupt(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain("a b c " * 100).stream("q", config): pass
        """
    )
    view.until("a b c")
    assert view.screen.cursor.x == 0


def test_without_unicode_plain_letters_draw_the_tree(terminal: Any):
    view = terminal(
        """
        with TerminalView(live, title="\\u65e5"):
            for _ in chain("caf\\u00e9 \\u65e5\\u672c").stream("q", config): pass
        """,
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="0",
    )
    text = view.end()
    assert text.isascii()
    assert "?, + done" in text
    assert "`- + my_llm" in text
    assert "caf? ??" in text


def test_no_color_leaves_no_colour(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain("a b c").stream("q", config): pass
        """,
        NO_COLOR="1",
    )
    view.end()
    assert not any(b"\x1b[%dm" % code in view.raw for code in range(30, 38))
    assert "✓ done" in view.text


@pytest.mark.timed
def test_redraws_come_at_most_twelve_times_a_second(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain("a b " * 300, each_s=0.002).stream("q", config): pass
        """
    )
    view.end()
    seconds = 1.6
    assert view.raw.count(b"streaming") < 2 * 12 * seconds + 12  # in the header and in the tree, at a time


def test_in_a_pipe_tokens_are_printed_as_they_arrive_and_the_tree_at_the_end(tmp_path: Any):
    go_on = tmp_path / "go"
    with subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + TWO_TEXTS.format(go_on=str(go_on))],
        stdout=subprocess.PIPE,
        env=clean_env(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(12) == b"first words "
        go_on.touch()
        rest = process.stdout.read().decode()
    lines = rest.split("\n")
    assert lines[:2] == ["last words", ""]
    assert lines[2].startswith("my chain · ✓ done")
    assert [line.split()[1:3] for line in lines[4:7]] == [
        ["RunnableSequence", "chain"],
        ["✓", "ask"],
        ["✓", "words"],
    ]
    assert "\x1b" not in rest


def test_in_a_pipe_branches_are_printed_one_after_another():
    text = piped(
        """
        with TerminalView(live):
            branches = RunnableParallel(joke=chain("a b c", each_s=0.1), poem=chain("d e f", each_s=0.12))
            for _ in branches.stream("q", config): pass
        """
    )
    assert text.startswith("joke\na b c \n\npoem\nd e f \n\n✓ done")


def test_in_a_pipe_a_batch_is_printed_item_by_item_each_word_once():
    text = piped(
        """
        with TerminalView(live):
            chain("to {}").batch(["bears", "bears"], config)
        """
    )
    assert text.startswith("1 bears\nto {} \n\n2 bears\nto {} \n\n✓ done · 2 runs")


def test_a_pipe_that_is_closed_early_does_no_harm():
    command = [
        sys.executable,
        "-c",
        PREAMBLE
        + textwrap.dedent(
            """
        with TerminalView(live):
            for _ in chain("word " * 100, each_s=0.005).stream("q", config): pass
        """
        ),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env()
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(5)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_force_color_does_not_redraw_into_a_file():
    text = piped(
        """
        with TerminalView(live):
            for _ in chain("a b c", each_s=0.1).stream("q", config): pass
        """,
        FORCE_COLOR="1",
    )
    assert text.startswith("a b c \n")
    assert "\x1b[2K" not in text
    assert "\x1b[?25l" not in text


def document_of(run: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    live = LiveState()
    run({"callbacks": [live]})
    return live.snapshot()["state"]


def drawn(renderable: Any, width: int = 100) -> list[str]:
    console = Console(record=True, width=width, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text().rstrip("\n").split("\n")


def tree_lines(document: dict[str, Any], limit: int = 200) -> RunTree:
    return RunTree(rows_of(document), limit=limit)


def sleeping(seconds: float, name: str) -> Runnable[Any, Any]:
    def work(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(work, name=name)


def test_bars_stand_on_one_axis():
    chain = sleeping(0.3, "first") | sleeping(0.3, "second")
    root, first, second = drawn(tree_lines(document_of(lambda config: chain.invoke(1, config))))
    start, end = root.index("━"), root.rindex("━")
    assert abs(first.index("━") - start) <= 2
    assert abs(first.rindex("━") + 1 - second.index("━")) <= 2
    assert abs(second.rindex("━") - end) <= 2
    assert abs(second.index("━") - (start + end) / 2) <= 6


def test_the_first_token_is_marked_where_it_came():
    def words(_: Any) -> Any:
        time.sleep(0.1)
        yield "a"
        time.sleep(0.1)
        yield "b"

    chain = RunnableLambda(str) | words
    *_, line = drawn(tree_lines(document_of(lambda config: list(chain.stream("q", config)))))
    wait, work = line.count("─"), line.count("━")
    assert line.count("◆") == 1
    assert abs(wait - work) <= 12


def test_children_are_drawn_under_their_parents():
    inner = RunnableParallel(a=sleeping(0, "x") | sleeping(0, "y"), b=sleeping(0.05, "z"))
    lines = drawn(
        tree_lines(
            document_of(lambda config: (sleeping(0, "w") | inner | sleeping(0, "v")).invoke(1, config))
        )
    )
    shape = sorted(line[: line.index("  ")].rstrip() for line in lines)
    assert "│ ├ ✓ a: RunnableSequence" in shape
    assert "│ │ └ ✓ y" in shape
    assert "│ └ ✓ b: z" in shape
    assert "└ ✓ v" in shape


def test_of_many_runs_the_finished_ones_are_summed_up():
    document = document_of(lambda config: (sleeping(0, "a") | sleeping(0, "b")).batch(range(50), config))
    lines = drawn(tree_lines(document, limit=20))
    assert len(lines) == 20
    assert lines[-1] == "… 131 more: 131 done"


def test_a_failed_run_is_never_summed_up():
    def picky(value: int) -> int:
        if value == 3:
            raise ValueError("three")
        return value

    document = document_of(
        lambda config: (RunnableLambda(picky) | sleeping(0, "b")).batch(
            range(50), config, return_exceptions=True
        )
    )
    assert any("✗ picky" in line for line in drawn(tree_lines(document, limit=5)))


def test_json_that_grows_replaces_what_was_there():
    def partial(_: Any) -> Any:
        yield {"a": 1}
        yield {"a": 1, "b": "x"}

    live = LiveState()
    console = Console(record=True, width=80, file=open(os.devnull, "w"))  # noqa: SIM115
    with TerminalView(live, console=console):
        list(RunnableGenerator(partial).stream("q", {"callbacks": [live]}))
    assert console.export_text().startswith('{"a": 1, "b": "x"}\n')


def test_models_inside_a_silent_chain_are_shown_until_it_answers():
    live = LiveState()
    view = TerminalView(live, console=Console(width=80, height=24, file=open(os.devnull, "w")))  # noqa: SIM115
    view._outputs._inner = True
    root = Run("chain", "chain", (live,), input="q")
    model = Run("my_llm", "chat_model", (live,), parent=root, input="q")
    root.start()
    model.start()
    model.chunk("half an ")

    def screen() -> list[str]:
        return [str(line).rstrip() for line in view._frame().renderables]

    assert screen()[2:4] == ["my_llm", "  half an"]
    model.chunk("answer")
    model.finish("half an answer")
    root.finish("the answer")
    assert screen()[2] == "the answer"
    assert not any("half" in line for line in screen())


@pytest.mark.timed
def test_the_cost_of_a_redraw_does_not_grow_with_what_was_shown():
    def cost_s(tokens: int) -> float:
        live = LiveState()
        view = TerminalView(live, console=Console(width=100, height=30, file=open(os.devnull, "w")))  # noqa: SIM115
        run = Run("m", "chat_model", (live,), input="q")
        run.start()
        for _ in range(tokens):
            run.chunk("token ")
        view._outputs._inner, view._outputs._whole = True, False
        view._frame()
        times = []
        for _ in range(20):
            run.chunk("token ")
            started = time.thread_time()
            view._frame()
            times.append(time.thread_time() - started)
        return min(times)

    assert cost_s(100_000) < 3 * cost_s(1_000)


def test_show_and_finish_may_be_called_twice():
    live = LiveState()
    console = Console(record=True, width=80, file=open(os.devnull, "w"))  # noqa: SIM115
    view = TerminalView(live, title="t", console=console)
    view.show()
    view.show()
    RunnableLambda(str).invoke(1, {"callbacks": [live]})
    view.finish()
    view.finish()
    assert console.export_text().count("✓ done") == 1


def test_a_view_without_any_run_says_that_it_waits():
    console = Console(record=True, width=80, file=open(os.devnull, "w"))  # noqa: SIM115
    with TerminalView(LiveState(), title="t", console=console):
        pass
    assert "waiting" in console.export_text()


@pytest.mark.parametrize("width", [1, 2, 7, 40])
def test_a_tail_wraps_to_its_width_and_loses_nothing(width: int):
    text = "one two three\n\nlong" + "g" * 50 + " 日本語 e\u0301\u0301 end"
    tail = Tail(width)
    for character in text:
        tail.feed(character)
    lines = tail.lines(200)
    from rich.cells import cell_len

    assert all(cell_len(line) <= max(width, 2) for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")
    whole = Tail(width)
    whole.feed(text)
    assert [line.strip() for line in whole.lines(4)] == [line.strip() for line in lines[-4:]]


def test_cleaning_takes_what_a_terminal_would_obey():
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0xD800]))
    cleaned = clean(every)
    assert all(character == "\n" or character.isprintable() or character == "\ufffd" for character in cleaned)
    assert clean("x\ty\r\nz") == "x    y\nz"
    assert cropped("abc", 0) == ""


def test_sigint_twice_still_restores_the_cursor(terminal: Any):
    view = terminal(
        """
        with TerminalView(live):
            for _ in chain("some words " * 500).stream("q", config): pass
        """
    )
    view.until("some words some words")
    for _ in range(2):
        os.kill(view.process.pid, signal.SIGINT)
        time.sleep(0.01)
    view.end()
    assert view.has_cursor


def shown_whole(live: LiveState, **options: Any) -> str:
    console = Console(record=True, width=80, file=open(os.devnull, "w"))  # noqa: SIM115
    with TerminalView(live, console=console, **options):
        pass
    return console.export_text()


def test_the_pane_that_is_asked_for_is_shown():
    live = LiveState()
    RunnableLambda(lambda _: "the answer", name="ask").invoke("q", {"callbacks": [live]})
    parts = {
        pane: ("the answer" in text, "ask  chain" in text)
        for pane in ("stream", "tree", "time", "all")
        if (text := shown_whole(live, view=pane))
    }
    assert parts == {
        "stream": (True, False),
        "tree": (False, True),
        "time": (False, True),
        "all": (True, True),
    }


def test_what_the_models_cost_stands_in_the_first_lines():
    live = LiveState()
    run = Run("m", "chat_model", (live,), input="q")
    run.start()
    for token in ("a ", "b"):
        run.chunk(token)
    run.finish("a b")
    document = live.snapshot()["state"]
    document["runs"][0] |= {"call": {"output_tokens": 2, "input_tokens": 7, "cost_usd": 0.0123}}
    assert "2 tokens from 7" in shown_whole(LiveState.of(document))
    assert "$0.01" in shown_whole(LiveState.of(document))
    document["runs"][0]["call"]["cost_usd"] = 0.0  # in this process: free
    assert "$" not in shown_whole(LiveState.of(document))


def test_items_of_a_batch_have_their_numbers_whichever_began_first():
    live = LiveState()
    for item, name in ((1, "second"), (0, "first")):
        run = Run(name, "chain", (live,), input=name)
        run.item = item
        run.start()
        run.chunk(f"of {name}")
        run.finish(f"of {name}")
    text = shown_whole(live)
    assert text.index("1 first\nof first") < text.index("2 second\nof second")
    assert "✓ 1 first" in text and "✓ 2 second" in text
