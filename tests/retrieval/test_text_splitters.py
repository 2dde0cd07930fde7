"""Text splitters: chunks that are not too long, that overlap, and that together are the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import CharacterTextSplitter, Document, RecursiveCharacterTextSplitter, TextSplitter

TEXT = "First paragraph, short.\n\nSecond paragraph: it has two lines,\nof which this is one.\n\nThird."

texts = st.text(alphabet="ab \n.", max_size=200)


@given(texts, st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_chunks_are_not_too_long_and_together_they_are_the_text(text: str, size: int) -> None:
    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0, strip_whitespace=False)
    chunks = splitter.split_text(text)
    assert "".join(chunks) == text
    assert all(0 < len(chunk) <= size for chunk in chunks)


@given(texts, st.integers(2, 30), st.data())
@settings(max_examples=200, deadline=None)
def test_neighbours_overlap_by_no_more_than_was_asked_for(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=overlap, strip_whitespace=False, add_start_index=True
    )
    after = 0
    for document in splitter.create_documents([text]):
        place, chunk = document.metadata["start_index"], document.page_content
        assert text[place : place + len(chunk)] == chunk
        assert place >= after - overlap
        after = place + len(chunk)


def test_paragraphs_come_before_lines_and_lines_before_words() -> None:
    splitter = RecursiveCharacterTextSplitter(chunk_size=40, chunk_overlap=0)
    assert splitter.split_text(TEXT) == [
        "First paragraph, short.",
        "Second paragraph: it has two lines,",
        "of which this is one.",
        "Third.",
    ]


def test_a_chunk_begins_with_the_end_of_the_one_before() -> None:
    splitter = RecursiveCharacterTextSplitter(chunk_size=15, chunk_overlap=6)
    assert splitter.split_text("one two three four five") == ["one two three", "three four", "four five"]


def test_one_separator_only_leaves_longer_pieces_whole() -> None:
    splitter = CharacterTextSplitter(separator="\n\n", chunk_size=30, chunk_overlap=0)
    first, second, third = splitter.split_text(TEXT)
    assert (first, third) == ("First paragraph, short.", "Third.")
    assert len(second) > 30
    assert CharacterTextSplitter(
        r"[.;]\s*", is_separator_regex=True, chunk_size=1, chunk_overlap=0
    ).split_text("a. b;c") == ["a", "b", "c"]


def test_lengths_may_be_counted_in_words_or_tokens() -> None:
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=2, chunk_overlap=0, length_function=lambda text: len(text.split())
    )
    assert splitter.split_text("aaaaaaaa bbbbbbbb cccccccc dddddddd") == [
        "aaaaaaaa bbbbbbbb",
        "cccccccc dddddddd",
    ]


def test_documents_keep_their_metadata_and_may_say_where_each_chunk_begins() -> None:
    splitter = RecursiveCharacterTextSplitter(chunk_size=12, chunk_overlap=6, add_start_index=True)
    given = [
        Document("aa bb aa bb aa bb aa bb", metadata={"page": 1}),
        Document("short", metadata={"page": 2}),
    ]
    chunks = splitter.split_documents(given)
    assert [(d.metadata["page"], d.metadata["start_index"], d.page_content) for d in chunks] == [
        (1, 0, "aa bb aa bb"),
        (1, 6, "aa bb aa bb"),
        (1, 12, "aa bb aa bb"),
        (2, 0, "short"),
    ]
    assert given[0].metadata == {"page": 1}
    assert splitter.transform_documents(given) == chunks


def test_a_language_has_joints_of_its_own() -> None:
    source = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    pass\n"
    splitter = RecursiveCharacterTextSplitter.from_language("python", chunk_size=45, chunk_overlap=0)
    assert splitter.split_text(source) == [
        "class A:\n    def f(self):\n        return 1",
        "class B:\n    pass",
    ]
    with pytest.raises(ValueError, match="expected one of markdown, python"):
        RecursiveCharacterTextSplitter.from_language("cobol")


def test_a_splitter_of_one_s_own_defines_split_text() -> None:
    class Lines(TextSplitter):
        def split_text(self, text: str) -> list[str]:
            return text.splitlines()

    assert [d.page_content for d in Lines().create_documents(["a\nb"])] == ["a", "b"]


def test_wrong_sizes_and_a_text_instead_of_a_list_are_refused() -> None:
    with pytest.raises(ValueError, match="chunk_size: expected 1 or more, got 0"):
        RecursiveCharacterTextSplitter(chunk_size=0)
    with pytest.raises(ValueError, match="chunk_overlap: expected from 0 to the chunk_size of 5, got 9"):
        RecursiveCharacterTextSplitter(chunk_size=5, chunk_overlap=9)
    with pytest.raises(ValueError, match="separators: expected at least one"):
        RecursiveCharacterTextSplitter(separators=[])
    splitter = RecursiveCharacterTextSplitter()
    with pytest.raises(TypeError, match="expected a list of texts, got the text"):
        splitter.create_documents("text")
    with pytest.raises(ValueError, match="got 2 texts and 1 metadatas"):
        splitter.create_documents(["a", "b"], [{}])
    assert splitter.split_text("") == []
    with pytest.raises(TypeError, match="split_text: expected a text, got int: 5"):
        splitter.split_text(5)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="expected Documents, got str: 'a'"):
        splitter.split_documents("abc")  # type: ignore[arg-type]  # on purpose
