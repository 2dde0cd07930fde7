"""Templates: what they put in where, what they refuse, and where they say it is wrong."""

import copy
import pickle
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import PromptTemplate, get_template_variables
from workbench.errors import MissingDependencyError
from workbench.prompts.templates import compile_template


def filled(template, template_format="f-string", **values):
    return compile_template(template, template_format).format(values)


class Keeper:
    """An object with something to hide."""

    secret = "hunter2"

    def reveal(self):
        return self.secret

    def __str__(self):
        return "keeper"


def leaks(template, template_format, **values):
    """Whether a template gets at what an attribute holds; errors are as good as silence."""
    try:
        text = filled(template, template_format, **values)
    except ValueError as error:
        text = str(error.__cause__ or "")
    return "hunter2" in text or "class" in text


# f-strings


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("", {}, ""),
        ("no place", {}, "no place"),
        ("{a} and {a}", {"a": 1}, "1 and 1"),
        ("{{{a}}} {{}}", {"a": 1}, "{1} {}"),
        ("{a!r:>5}|{b:.2f}", {"a": "x", "b": 1.5}, "  'x'|1.50"),
        ("{day:%d %B %Y}", {"day": date(2026, 11, 24)}, "24 November 2026"),
        ("{First Name}, {last-name}, {größe}", {"First Name": "A", "last-name": "B", "größe": 3}, "A, B, 3"),
        ("{a}", {"a": "{b} {{c}} {a.b}"}, "{b} {{c}} {a.b}"),
    ],
)
def test_an_f_string_puts_values_in_and_reads_them_no_further(template, values, text):
    assert filled(template, **values) == text


@given(st.text(alphabet="ab{}!:r. [0", max_size=12))
def test_what_is_accepted_as_an_f_string_is_what_python_formats(template):
    try:
        compiled = compile_template(template)
    except ValueError:
        return
    values = dict.fromkeys(compiled.variables, "v")
    try:
        expected = template.format_map(values)
    except ValueError:
        with pytest.raises(ValueError):
            compiled.format(values)
    else:
        assert compiled.format(values) == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{user.name}", "reaches into a value"),
        ("{items[0]}", "reaches into a value"),
        ("{user.__class__.__init__.__globals__}", "reaches into a value"),
        ("{0}", "is no plain name"),
        ("{}", "is no plain name"),
        ('{"json": 1}', "is no plain name"),
        ("{ a }", "is no plain name"),
        ("{x:{y}}", "a place inside a place"),
        ("{x!r:{y}}", "a place inside a place"),
        ("{x!z}", "expected !r, !s or !a"),
        ("{x:>1000000000}", "more than 10,000 characters"),
        ("{x:.1000000000f}", "more than 10,000 characters"),
        ("{x:>٩٩٩٩٩٩٩٩٩}", "more than 10,000 characters"),  # digits to Python too
        ("{x", "never closed"),
        ("x}", "closes nothing"),
    ],
)
def test_an_f_string_that_is_wrong_or_harmful_is_refused_when_it_is_made(template, problem):
    with pytest.raises(ValueError, match="template, line 1") as caught:
        compile_template(template)
    assert problem in str(caught.value)


def test_an_error_shows_the_place():
    with pytest.raises(ValueError) as caught:
        PromptTemplate("Be kind.\nAnswer as {user.name} would.")
    assert str(caught.value).splitlines() == [
        "template, line 2, column 11: {user.name} reaches into a value; expected a plain name such as "
        "{topic}; write {{ and }} for braces",
        "    Answer as {user.name} would.",
        "              ^",
    ]


def test_an_error_in_a_long_line_shows_only_what_is_near():
    with pytest.raises(ValueError) as caught:
        compile_template("x" * 100_000 + "{" + "y" * 100_000)
    assert len(str(caught.value)) < 400


def test_a_value_that_does_not_suit_its_format_is_named():
    with pytest.raises(ValueError, match=r"\{price:\.2f\} cannot be filled with str: 'free'"):
        filled("{name}: {price:.2f}", name="tea", price="free")
    with pytest.raises(TypeError, match=r"\{price:>5\} cannot be filled with NoneType: None"):
        filled("{price:>5}", price=None)


# mustache


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{name}} {{{name}}} {{& name }}", "<Bo> <Bo> <Bo>"),
        ("{{user.name}}, {{list.1}}", "Al, b"),
        ("{{#list}}{{.}};{{/list}}", "a;b;"),
        ("{{#users}}{{name}} of {{place}}, {{/users}}", "x of here, y of here, "),
        ("{{#user}}{{name}}{{/user}}", "Al"),
        ("{{^none}}nobody{{/none}}{{#none}}somebody{{/none}}", "nobody"),
        ("{{#place}}yes{{/place}}{{^place}}no{{/place}}", "yes"),
        ("{{missing}}|{{user.missing}}|{{none.x}}|{{list.9}}", "|||"),
        ("a{{! a comment }}b", "ab"),
        ("{{=<% %>=}}<% name %> {{name}}", "<Bo> {{name}}"),
        ("List:\n{{#list}}\n- {{.}}\n{{/list}}\nEnd", "List:\n- a\n- b\nEnd"),
        ("  {{! alone }}  \n  x", "  x"),
        ('{"json": "{{name}}"}', '{"json": "<Bo>"}'),
        ("{name} }}", "{name} }}"),
        ("{{zero}} {{no}}", "0 False"),
    ],
)
def test_mustache_puts_in_values_as_they_are_and_repeats_sections(template, text):
    values = {
        "name": "<Bo>",
        "user": {"name": "Al"},
        "users": [{"name": "x"}, {"name": "y"}],
        "place": "here",
        "list": ["a", "b"],
        "none": [],
        "zero": 0,
        "no": False,
    }
    assert filled(template, "mustache", **values) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{it.secret}}",
        "{{it.reveal}}",
        "{{it.__class__}}",
        "{{#it}}{{secret}}{{/it}}",
        "{{#it.__class__}}{{.}}{{/it.__class__}}",
        "{{text.upper}}{{list.append}}{{values.keys}}",
    ],
)
def test_mustache_never_reads_an_attribute(template):
    values = {"it": Keeper(), "text": "t", "list": [1], "values": {"a": 1}}
    assert filled(template, "mustache", **values) == ""


def test_mustache_calls_no_function_among_the_values():
    called = []
    text = filled("{{#f}}inside{{/f}}", "mustache", f=lambda *given: called.append(given))
    assert (text, called) == ("inside", [])


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("a {{b", "line 1, column 3: a {{ that is never closed with }}"),
        ("{{{b}}", "never closed with }}}"),
        ("{{#a}}", "the section 'a' is never closed with {{/a}}"),
        ("{{#a}}\n{{/b}}", "line 2, column 1: {{/b}} closes nothing: expected {{/a}}"),
        ("{{/a}}", "no section is open"),
        ("{{ }}", "a tag without a name"),
        ("{{a..b}}", "is no name"),
        ("{{> other}}", "partials are not supported"),
        ("{{=x=}}", "expected two delimiters"),
        ("{{#a}}" * 1000 + "{{/a}}" * 1000, "more than 50 sections"),
    ],
)
def test_a_mustache_that_is_wrong_is_refused_with_its_place(template, problem):
    with pytest.raises(ValueError) as caught:
        compile_template(template, "mustache")
    assert problem in str(caught.value)


def test_many_tags_in_one_line_are_read_in_one_pass():
    template = compile_template("{{#a}}x{{/a}} " * 20_000, "mustache")
    assert template.format({"a": False}) == " " * 20_000


# jinja2


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ name }} {{ name|upper }}", "<Bo> <BO>"),
        (
            "{% for x in list %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1a, 2b",
        ),
        ("{{ user['name'] }} {{ list[0] }} {{ user['none'] }}", "Al a "),
        ("{% if list %}some{% endif %} {{ list|join('-') }} {{ list|length }}", "some a-b 2"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ users|map(attribute='name')|join }}", "xy"),
        ("{% macro hi(who) %}hi {{ who }}{% endmacro %}{{ hi(name) }}", "hi <Bo>"),
        ("{{ list|tojson(indent=1) }}", '[\n "a",\n "b"\n]'),
        ("{{ 2 * 3 }} {{ 'ab' * 2 }} {{ 2 ** 8 }} {{ 7 % 2 }}", "6 abab 256 1"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
    ],
)
def test_jinja2_has_conditions_loops_and_filters(template, text):
    values = {
        "name": "<Bo>",
        "user": {"name": "Al"},
        "users": [{"name": "x"}, {"name": "y"}],
        "list": ["a", "b"],
    }
    assert filled(template, "jinja2", **values) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ it.secret }}",
        "{{ it['secret'] }}",
        "{{ it.reveal() }}",
        "{{ it.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ it|attr('secret') }}",
        "{{ [it]|map(attribute='secret')|join }}",
        "{{ [it]|map('attr', 'secret')|join }}",
        "{{ [it]|sum(attribute='secret') }}",
        "{{ [it]|groupby('secret') }}",
        "{{ '{0.secret}'.format(it) }}",
        "{{ '%s'|format(it) }}",
        "{{ call() }}",
        "{{ self.__init__ }}",
        "{{ loop.secret }}",
        "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in [1] %}{{ loop['__class__'] }}{% endfor %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{% set x = it.secret %}{{ x }}",
        "{% with y = it %}{{ y.secret }}{% endwith %}",
        "{% filter attr('secret') %}{% endfilter %}",
    ],
)
def test_jinja2_never_reads_an_attribute_nor_calls_a_value(template):
    called = []
    assert not leaks(template, "jinja2", it=Keeper(), call=lambda: called.append(1) or "hunter2")
    assert called == []


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10000000000 }}",
        "{{ 10000000000 * [1] }}",
        "{{ 9 ** 99999999 }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ 'a'|center(1000000000) }}",
        "{{ 'a'|indent(1000000000, first=True) }}",
        "{{ 'a'|tojson(indent=1000000000) }}",
        "{{ [1]|batch(1000000000, 0)|list }}",
        "{{ '%9999999999d'|format(1) }}",
        "{{ ('a' * 10000)|replace('a', 'b' * 1000)|replace('b', 'c' * 1000) }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% include 'secrets' %}",
        "{% import 'secrets' as s %}",
        "{% extends 'secrets' %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_jinja2_refuses_what_makes_a_text_enormous_or_loads_another(template):
    with pytest.raises((ValueError, OverflowError)):
        filled(template, "jinja2")


def test_a_jinja2_attribute_is_refused_when_the_template_is_made_and_says_what_to_write():
    with pytest.raises(ValueError, match=r"line 2, column 1: the attribute \.name .* write \['name'\]"):
        compile_template("Hello\n{{ user.name }}", "jinja2")
    with pytest.raises(ValueError, match=r"line 1.*No filter named 'attr'"):
        compile_template("{{ user|attr('name') }}", "jinja2")
    with pytest.raises(ValueError, match="line 2"):
        compile_template("a\n{% if %}", "jinja2")


def test_without_jinja2_the_error_names_the_extra():
    script = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from workbench import PromptTemplate\n"
        "try: PromptTemplate('{{ a }}', template_format='jinja2')\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.startswith(MissingDependencyError.__name__)
    assert 'pip install "chain-workbench[jinja]"' in said


def test_jinja2_is_imported_only_for_its_templates():
    script = (
        "import sys; from workbench import ChatPromptTemplate\n"
        "ChatPromptTemplate.from_template('{a}').invoke('x'); print('jinja2' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


# All formats


@pytest.mark.parametrize(
    ("template", "template_format", "variables"),
    [
        ("{b} {a!r} {b:>3} {{c}}", "f-string", ["b", "a"]),
        ("{{b.x}} {{#a}}{{inside}}{{/a}} {{^c}}{{/c}} {{! d }} {{b}}", "mustache", ["b", "a", "c"]),
        (
            "{{ b }}{% for x in a %}{{ x }}{{ range(2) }}{% endfor %}{% set d = 1 %}{{ d }}",
            "jinja2",
            ["b", "a"],
        ),
    ],
)
def test_the_variables_of_a_template_come_in_the_order_of_their_places(template, template_format, variables):
    assert get_template_variables(template, template_format) == variables


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(ValueError, match="expected one of 'f-string', 'mustache', 'jinja2', got 'erb'"):
        PromptTemplate("a", template_format="erb")


@pytest.mark.parametrize("template", [None, 7, b"{a}", ["{a}"]])
def test_what_is_no_text_is_no_template(template):
    with pytest.raises(TypeError, match="template: expected text, got"):
        compile_template(template)


@pytest.mark.parametrize("template_format", ["f-string", "mustache", "jinja2"])
def test_a_template_survives_copies_and_pickles(template_format):
    template = "{a}" if template_format == "f-string" else "{{a}}"
    prompt = PromptTemplate(template, template_format=template_format)
    for again in (copy.deepcopy(prompt), pickle.loads(pickle.dumps(prompt)), prompt.model_copy()):
        assert again == prompt
        assert again.format(a="x") == "x"
