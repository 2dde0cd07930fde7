"""The graph of a runnable, and its pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from unicodedata import east_asian_width
from xml.etree import ElementTree

import pytest

from workbench import (
    ChatPromptTemplate,
    FakeChatModel,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
)
from workbench.runnables.graph import Graph

PROMPT = ChatPromptTemplate.from_template("a joke about {topic}")


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes.values()]


def links(graph: Graph) -> set[tuple[str, str]]:
    return {(graph.nodes[edge.source].name, graph.nodes[edge.target].name) for edge in graph.edges}


def test_a_chain_is_a_row_from_its_input_to_its_output() -> None:
    graph = (PROMPT | FakeChatModel() | StrOutputParser()).get_graph()
    row = ["PromptInput", "ChatPromptTemplate", "FakeChatModel", "StrOutputParser", "StrOutputParserOutput"]
    assert names(graph) == row
    assert links(graph) == set(pairwise(row))
    first, last = graph.first_node(), graph.last_node()
    assert first is not None and first.name == "PromptInput"
    assert last is not None and last.name == "StrOutputParserOutput"


def test_branches_fan_out_from_an_input_and_in_to_an_output() -> None:
    graph = RunnableParallel(joke=PROMPT, copy=RunnablePassthrough()).get_graph()
    fork, join = "Parallel<joke,copy>Input", "Parallel<joke,copy>Output"
    assert links(graph) == {
        (fork, "ChatPromptTemplate"),
        (fork, "Passthrough"),
        ("ChatPromptTemplate", join),
        ("Passthrough", join),
    }
    assert [edge.data for edge in graph.edges if edge.data] == ["joke", "copy"]


def test_assign_lets_its_input_by() -> None:
    graph = RunnablePassthrough.assign(joke=PROMPT).get_graph()
    assert names(graph) == [
        "Parallel<joke>Input",
        "Passthrough",
        "ChatPromptTemplate",
        "Parallel<joke>Output",
    ]


def test_wrappers_show_as_what_they_wrap_under_the_name_they_give() -> None:
    chain = PROMPT.with_config(run_name="joke prompt") | FakeChatModel().bind(stop=["."])
    assert names(chain.get_graph())[1:3] == ["joke prompt", "FakeChatModel"]


class Either(Runnable[Any, Any]):
    def __init__(self, *steps: Any) -> None:
        self.steps = steps

    def _steps_inside(self) -> Any:
        return self.steps

    _stand_ins = _steps_inside


def test_alternatives_are_conditional_and_meet_in_the_next_step() -> None:
    graph = (PROMPT | Either(FakeChatModel(), PROMPT | FakeChatModel()) | StrOutputParser()).get_graph()
    conditional = [graph.nodes[edge.target].name for edge in graph.edges if edge.conditional]
    assert conditional == ["FakeChatModel", "ChatPromptTemplate"]
    parser = next(id for id, node in graph.nodes.items() if node.name == "StrOutputParser")
    assert sum(edge.target == parser for edge in graph.edges) == 2


def test_the_graph_as_json_numbers_the_nodes() -> None:
    graph = (PROMPT | RunnableLambda(lambda x: x)).get_graph().to_json()
    assert graph == {
        "nodes": [
            {"id": 0, "type": "schema", "data": "PromptInput"},
            {
                "id": 1,
                "type": "runnable",
                "data": {
                    "id": ["workbench", "prompts", "chat", "ChatPromptTemplate"],
                    "name": "ChatPromptTemplate",
                },
            },
            {
                "id": 2,
                "type": "runnable",
                "data": {"id": ["workbench", "runnables", "function", "RunnableLambda"], "name": "Lambda"},
            },
            {"id": 3, "type": "schema", "data": "LambdaOutput"},
        ],
        "edges": [{"source": 0, "target": 1}, {"source": 1, "target": 2}, {"source": 2, "target": 3}],
    }


def test_the_text_picture_shows_branches_side_by_side() -> None:
    chain = RunnableParallel(a=RunnableLambda(len, name="one"), b=RunnableLambda(len, name="two"))
    assert chain.get_graph().draw_ascii().splitlines() == [
        "+---------------------+",
        "| Parallel<a,b>Input  |",
        "+---------------------+",
        "           |",
        "      +----+----+",
        "      v a       v b",
        "   +-----+   +-----+",
        "   | one |   | two |",
        "   +-----+   +-----+",
        "      |         |",
        "      +----+----+",
        "           v",
        "+---------------------+",
        "| Parallel<a,b>Output |",
        "+---------------------+",
    ]


def test_print_ascii_prints_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    graph = PROMPT.get_graph()
    graph.print_ascii()
    assert capsys.readouterr().out == graph.draw_ascii() + "\n"


def test_wide_letters_keep_the_boxes_straight() -> None:
    lines = RunnableLambda(len, name="농담 만들기").get_graph().draw_ascii().splitlines()
    box = next(line for line in lines if "농담" in line)
    above = lines[lines.index(box) - 1]
    cells = sum(2 if east_asian_width(char) in "WF" else 1 for char in box)
    assert cells == len(above)


ODD = '<script>alert("1")</script>\n| [x] & "y"; -->'


def odd_graph() -> Graph:
    return (PROMPT | RunnableLambda(len, name=ODD) | {ODD: len, "b": len}).get_graph()


def test_odd_names_are_escaped_in_mermaid() -> None:
    text = odd_graph().draw_mermaid()
    assert "<" not in text
    assert all(line.count('"') in (0, 2) for line in text.splitlines())
    assert "#60;script#62;alert" in text


def test_the_picture_for_notebooks_is_one_offline_svg_without_script() -> None:
    bundle = odd_graph()._repr_mimebundle_()
    assert bundle["text/plain"] == odd_graph().draw_ascii()
    root = ElementTree.fromstring(bundle["image/svg+xml"])
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "path", "rect", "text"}
    assert not any("href" in name for element in root.iter() for name in element.attrib)


def test_control_characters_do_not_break_the_svg() -> None:
    graph = Graph()
    graph.add_node(None, name="bell\x07 and \x00")
    ElementTree.fromstring(graph._repr_mimebundle_()["image/svg+xml"])


def test_a_graph_put_together_by_hand_may_have_long_edges_and_cycles() -> None:
    graph = Graph()
    first, second, third = (graph.add_node(None, name=name) for name in ("first", "second", "third"))
    graph.add_edge(first, second)
    graph.add_edge(second, third)
    graph.add_edge(first, third, "skips", conditional=True)
    graph.add_edge(third, first)
    picture = graph.draw_ascii()
    assert picture.count("+---") >= 6
    assert "skips" in picture and ":" in picture
    assert "third --> first" in picture
    with pytest.raises(ValueError, match="has a node '0' already"):
        graph.add_node(None, id="0")


def test_an_empty_graph_draws_as_nothing() -> None:
    assert Graph().draw_ascii() == ""
    ElementTree.fromstring(Graph()._repr_mimebundle_()["image/svg+xml"])


def test_get_prompts_finds_the_prompts_inside_in_order() -> None:
    other = ChatPromptTemplate.from_template("{joke}")
    chain = PROMPT | FakeChatModel() | {"joke": StrOutputParser()} | other.with_config(tags=["t"])
    assert chain.get_prompts() == [PROMPT, other]
