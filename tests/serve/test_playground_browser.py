"""The playground in a real Chromium: a form filled, tokens that grow, steps opened, Stop, its policy kept."""

from typing import Literal

import httpx
import pytest
from pydantic import BaseModel, Field

from tests.browser import Browser
from workbench import (
    ChatPromptTemplate,
    ConfigurableField,
    FakeChatModel,
    RunnableLambda,
    StrOutputParser,
    serve_chain,
)

PROMPT = ChatPromptTemplate.from_template("a joke about {topic}")
WORDS = "why did the bear cross the road "


def joke(times: int = 3, delay_s: float = 0.02):
    model = FakeChatModel(responses=[WORDS * times], token_delay_s=delay_s)
    return PROMPT | model | StrOutputParser()


class Playground:
    """A page of a service's playground; ``problems`` are what the browser complains of."""

    def __init__(self, browser: Browser, service, *, dark: bool = False) -> None:
        self.page = browser.page()
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on(
            "console", lambda told: self.problems.append(told.text) if told.type == "error" else None
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(service.playground)
        self.page.wait_for_selector('html[data-ready="true"]')
        self.output = self.page.locator(".wb-stream .wb-scroll")

    def run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()

    def wait(self, status: str) -> None:
        self.page.wait_for_selector(f'.wb-body[data-status="{status}"]', timeout=15_000)

    def close(self) -> None:
        self.page.close()


@pytest.fixture
def open_playground(browser):
    opened = []

    def open_it(service, **options):
        opened.append(Playground(browser, service, **options))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


@pytest.mark.parametrize("dark", [False, True])
def test_a_form_is_filled_tokens_grow_and_the_tree_is_opened(open_playground, tmp_path, dark):
    with serve_chain(joke(), path="/joke") as service:
        shown = open_playground(service, dark=dark)
        shown.page.get_by_label("Topic").fill("bears")
        shown.run()
        shown.page.wait_for_selector(".wb-stream .wb-scroll:has-text('bear')")
        first = len(shown.output.inner_text())
        shown.wait("done")
        text = shown.output.inner_text()
        assert first < len(text) and " ".join(text.split()) == " ".join((WORDS * 3).split())
        steps = shown.page.get_by_role("treeitem")
        assert [
            name in steps.all_inner_texts()[number]
            for number, name in enumerate(
                ["RunnableSequence", "ChatPromptTemplate", "FakeChatModel", "StrOutputParser"]
            )
        ] == [True] * 4
        steps.nth(2).click()
        shown.page.wait_for_selector("text=a joke about bears")
        ground = shown.page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor")
        assert (ground == "rgb(14, 15, 16)") is dark
        shown.page.screenshot(path=tmp_path / "playground.png")
        assert shown.problems == []
        assert all(url.startswith((service.url, "data:")) for url in shown.requests)


def test_stop_ends_the_run_at_the_server_and_the_next_one_begins_anew(open_playground):
    with serve_chain(joke(times=500), path="/joke") as service:
        health = f"{service.url.removesuffix('/joke')}/health"
        shown = open_playground(service)
        shown.page.get_by_label("Topic").fill("bears")
        for stop in (".wp-stop", ".wb-stop", "Escape"):
            shown.run()
            shown.wait("streaming")
            shown.page.wait_for_selector(".wb-stream .wb-scroll:has-text('bear')")
            shown.page.keyboard.press(stop) if stop == "Escape" else shown.page.locator(stop).click()
            shown.wait("cancelled")
            shown.page.wait_for_selector(".wp-go:not(:disabled)")
            assert httpx.get(health).json()["runs"] == 0
        assert shown.page.locator(".wb-body").inner_text().count("cancelled") >= 2
        assert shown.problems == []


class Order(BaseModel):
    """What can be typed wrong in many ways."""

    name: str = Field(description="Whose it is")
    count: int = Field(default=1, le=10)
    size: Literal["small", "large"] = "small"
    gift: bool = False
    notes: list[str] = []


def told(order: Order) -> str:
    return repr(order)


def test_a_form_has_a_control_for_every_kind_and_faults_are_shown_where_they_are(open_playground):
    with serve_chain(RunnableLambda(told), path="/order") as service:
        shown = open_playground(service)
        page = shown.page
        form = page.locator(".wp-panel")
        form.get_by_label("Name").fill("Ada")
        form.get_by_label("Count").fill("many")
        shown.run()
        assert page.locator(".wp-field:has-text('Count') .wp-error").inner_text() == "A number is needed here"
        form.get_by_label("Count").fill("11")
        shown.run()
        page.wait_for_selector(".wp-field:has-text('Count') .wp-error:has-text('less than or equal to 10')")
        form.get_by_label("Count").fill("3")
        form.get_by_label("Size").select_option("large")
        form.get_by_label("Gift").check()
        form.get_by_label("Notes").fill('["soon", 2]')
        shown.run()
        page.wait_for_selector(
            ".wp-field:has-text('Notes') .wp-error:has-text('1: Input should be a valid string')"
        )
        form.get_by_label("Notes").fill('["soon"]')
        form.get_by_label("Notes").press("Control+Enter")
        shown.wait("done")
        expected = "Order(name='Ada', count=3, size='large', gift=True, notes=['soon'])"
        assert expected in shown.output.inner_text()
        page.get_by_role("button", name="Write JSON").click()
        assert '"size": "large"' in page.get_by_label("Input as JSON").input_value()
        page.get_by_label("Input as JSON").fill('{"name": "Bob"}')
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(".wb-stream .wb-scroll:has-text(\"name='Bob'\")")
        assert [one for one in shown.problems if "422" not in one] == []


def test_configurable_fields_have_a_form_and_reach_the_run(open_playground):
    model = FakeChatModel(responses=["a b"]).configurable_fields(
        token_delay_s=ConfigurableField(id="delay", name="Delay", description="Seconds between tokens")
    )
    with serve_chain(PROMPT | model | StrOutputParser(), path="/joke") as service:
        shown = open_playground(service)
        shown.page.get_by_label("Topic").fill("bears")
        shown.page.get_by_text("Configuration").click()
        shown.page.get_by_label("Delay").fill("-1")
        shown.run()
        shown.page.wait_for_selector(".wp-problem:has-text('greater than or equal to 0')")
        shown.page.get_by_label("Delay").fill("0.01")
        shown.run()
        shown.wait("done")
        assert shown.output.inner_text().strip() == "a b"


def test_a_failure_of_the_chain_is_shown_without_its_traceback(open_playground):
    def broken(value: str) -> str:
        raise ValueError("no joke about that")

    with serve_chain(RunnableLambda(broken), path="/broken") as service:
        shown = open_playground(service)
        shown.page.locator(".wp-control").first.fill("x")
        shown.run()
        shown.wait("failed")
        body = shown.page.locator(".wb-body").inner_text()
        assert "ValueError" in body and "no joke about that" in body and "raise ValueError" not in body


def test_a_service_with_a_token_asks_for_it(open_playground):
    with serve_chain(joke(), path="/joke", token="a-long-token") as service:
        shown = open_playground(service)
        assert "Give the token" in shown.page.locator(".wp-left").inner_text()
        shown.page.get_by_label("Token").fill("a-long-token")
        shown.page.get_by_label("Token").press("Tab")
        shown.page.get_by_label("Topic").fill("bears")
        shown.run()
        shown.wait("done")
        assert "a-long-token" not in shown.page.url
        shown.page.get_by_label("Token").evaluate("node => { node.value = 'wrong-token'; }")
        shown.run()
        shown.page.wait_for_selector(".wp-problem:has-text('needs its token')")


def test_what_a_model_wrote_is_text(open_playground):
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    with serve_chain(FakeChatModel(responses=[evil]) | StrOutputParser(), path="/evil") as service:
        shown = open_playground(service)
        shown.page.locator(".wp-control").first.fill("x")
        shown.run()
        shown.wait("done")
        assert evil in shown.output.inner_text()
        assert shown.page.title() == "evil: playground" and shown.problems == []


def test_it_can_be_used_with_the_keyboard_alone(open_playground):
    with serve_chain(joke(), path="/joke") as service:
        shown = open_playground(service)
        page = shown.page
        page.keyboard.type("bears")  # the first field has the focus
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        shown.wait("done")
        for control in page.locator("input, textarea, select, button").all():
            assert control.evaluate(
                "node => (node.labels?.length || node.ariaLabel || node.innerText) ? 1 : 0"
            )
