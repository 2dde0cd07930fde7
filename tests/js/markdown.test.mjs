import assert from "node:assert/strict";
import { test } from "node:test";

import { MarkdownStream, looksLikeMarkdown, parseMarkdown } from "../../workbench/views/web/content/markdown.js";
import { parseInline, plainText, safeAddress } from "../../workbench/views/web/content/markdown_inline.js";

/** Inline nodes as one line: ``em(a b)``. */
const inline = (nodes) =>
  nodes.map((node) => {
    if (node.type === "text") return node.text;
    if (node.type === "break") return "⏎";
    if (node.type === "code") return `code(${node.text})`;
    if (node.type === "image") return `image(${node.text}|${node.address})`;
    const inner = inline(node.children);
    return node.type === "link" ? `link(${inner}|${node.address})` : `${node.type}(${inner})`;
  }).join("");
const line = (text) => inline(parseInline(text));

/** Blocks as short lines. */
const block = (node) => {
  switch (node.type) {
    case "heading": return `h${node.level}(${inline(node.children)})`;
    case "paragraph": return `p(${inline(node.children)})`;
    case "fence": return `fence:${node.language}(${node.text})`;
    case "quote": return `quote(${blocks(node.blocks)})`;
    case "rule": return "rule";
    case "table": return `table[${node.aligns}](${[node.head, ...node.rows].map((row) => row.map(inline).join("|")).join("/")})`;
    default: {
      const items = node.items.map((item) => `${item.checked === null ? "" : item.checked ? "[x]" : "[ ]"}${blocks(item.blocks)}`);
      return `${node.start === null ? "ul" : `ol${node.start}`}${node.loose ? "*" : ""}(${items.join(";")})`;
    }
  }
};
const blocks = (nodes) => nodes.map(block).join(" ");
const shown = (text) => blocks(parseMarkdown(text));

/** The same text in pieces: all that settled, and what was open at the end. */
function streamed(text, length) {
  const stream = new MarkdownStream();
  const settled = [];
  let open = [];
  for (let at = 0; at < text.length; at += length) {
    const step = stream.append(text.slice(at, at + length));
    settled.push(...step.settled);
    open = step.open;
  }
  return [...settled, ...open];
}

test("emphasis nests, and marks inside words and beside spaces stay", () => {
  assert.equal(line("a **b *c* d** e"), "a strong(b em(c) d) e");
  assert.equal(line("***both***"), "em(strong(both))");
  assert.equal(line("snake_case_name and 2 * 3 * 4"), "snake_case_name and 2 * 3 * 4");
  assert.equal(line("~~old~~ ~x~"), "del(old) ~x~");
  assert.equal(line("**open and *closed*"), "**open and em(closed)");
  assert.equal(line("\\*no\\* &amp; &lt;b&gt; &nope; &constructor;"), "*no* & <b> &nope; &constructor;");
});

test("code spans keep what is in them", () => {
  assert.equal(line("`**a** <b>` ``x ` y``"), "code(**a** <b>) code(x ` y)");
  assert.equal(line("`open"), "`open");
  assert.equal(line("a\nb  \nc"), "a⏎b⏎c");
});

test("links lead to web and mail addresses only", () => {
  assert.equal(line('[a](https://x.org/b "t") <https://y.org> https://z.org/a_(b).'), "link(a|https://x.org/b) link(https://y.org|https://y.org/) link(https://z.org/a_(b)|https://z.org/a_(b)).");
  assert.equal(line("[m](mailto:a@b.c)"), "link(m|mailto:a@b.c)");
  for (const address of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:x", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//evil.org", "/local", "#a", "blob:https://x.org/1", ""]) {
    assert.equal(safeAddress(address), "", address);
  }
  assert.equal(line("[a](javascript:alert(1))"), "a (javascript:alert(1))");
  assert.equal(line("[a [b](https://x.org) c](https://y.org)"), "[a link(b|https://x.org/) c](link(https://y.org|https://y.org/))");
  assert.equal(safeAddress("https://gооgle.com"), "https://xn--ggle-55da.com/", "letters that look like others are shown for what they are");
});

test("images are their description and address", () => {
  assert.equal(line("![a *b*](http://t.org/p.png)"), "image(a b|http://t.org/p.png)");
  assert.equal(line("[![i](https://a.org/i)](https://b.org)"), "link(image(i|https://a.org/i)|https://b.org/)");
});

test("blocks: headings, rules, fences, quotes", () => {
  assert.equal(shown("# A #\n\ntext\nmore\n***\nUnder\n==="), "h1(A) p(text⏎more) rule h1(Under)");
  assert.equal(shown("#hashtag\n####### seven"), "p(#hashtag⏎####### seven)");
  assert.equal(shown("```py x\na\n\n  b\n```\nafter"), "fence:py(a\n\n  b) p(after)");
  assert.equal(shown("~~~\n```\n~~~"), "fence:(```)");
  assert.equal(shown("```\nopen"), "fence:(open)");
  assert.equal(shown("> a\nlazy\n> > b\n\nout"), "quote(p(a⏎lazy) quote(p(b))) p(out)");
});

test("lists: nested, ordered, loose, tasks", () => {
  assert.equal(shown("- a\n  - b\n    1. c\n- d"), "ul(p(a) ul(p(b) ol1(p(c)));p(d))");
  assert.equal(shown("3. a\n4. b\n  - two spaces"), "ol3(p(a);p(b) ul(p(two spaces)))");
  assert.equal(shown("- a\n\n- b\n\ntext"), "ul*(p(a);p(b)) p(text)");
  assert.equal(shown("- [x] done\n- [ ] open"), "ul([x]p(done);[ ]p(open))");
  assert.equal(shown("1. a\n   ```\n   code\n   ```\n2. b"), "ol1(p(a) fence:(code);p(b))");
  assert.equal(shown("text\n- a"), "p(text) ul(p(a))");
  assert.equal(shown("in\n1986. A year"), "p(in⏎1986. A year)");
});

test("tables have alignments, and rows of the head's width", () => {
  assert.equal(shown("| a | b |\n|:-:|--:|\n| 1 \\| 2 | `x` | y |\n| 3 |\nafter"), "table[center,right](a|b/1 | 2|code(x)/3|) p(after)");
  assert.equal(shown("intro:\n| a | b |\n|---|---|\n| 1 | 2 |"), "p(intro:) table[,](a|b/1|2)");
  assert.equal(shown("a | b\nno | table"), "p(a | b⏎no | table)");
});

test("raw HTML is text", () => {
  assert.equal(shown("<img src=x onerror=alert(1)>\n</script><b>x</b>"), "p(<img src=x onerror=alert(1)>⏎</script><b>x</b>)");
});

const SAMPLE = [
  "# Title\n\nA **bold** word and `code`.\n", "- a\n  - b\n\n- c\n\n", "1. one\n2. two\n", "```js\nlet a = 1;\n\n// x\n```\n",
  "| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |\n", "> quote\n> more\nlazy\n\n", "Setext\n---\n", "text\n\n***\n\n#tag\nlast *line*",
].join("");

test("in pieces of any length a text gives the same blocks", () => {
  const whole = shown(SAMPLE);
  for (const length of [1, 2, 3, 5, 7, 13, 64, 1000]) assert.equal(blocks(streamed(SAMPLE, length)), whole, `pieces of ${length}`);
});

const words = (nodes) => JSON.stringify(nodes).match(/w\d+/g) ?? [];

test("what is parsed anew stays short, whatever the block, and no word is lost or said twice", () => {
  const many = Array.from({ length: 2500 }, (_, number) => `w${number}`);
  const kinds = {
    paragraph: many.join(" "),
    lines: many.join("\n"),
    list: many.map((word) => `- ${word}\n`).join(""),
    nested: `- top\n${many.map((word) => `  - ${word}\n`).join("")}`,
    ordered: many.map((word, number) => `${number + 1}. ${word}\n`).join(""),
    fence: `\`\`\`py\n${many.join("\n")}`,
    oneLine: `\`\`\`py\n${many.join(" ")}`,
    table: `| a | b |\n|---|---|\n${many.map((word) => `| ${word} | x |\n`).join("")}`,
    quote: many.map((word) => `> ${word}\n`).join(""),
    wall: many.join(""),
  };
  for (const [kind, text] of Object.entries(kinds)) {
    const stream = new MarkdownStream();
    const settled = [];
    let open = [];
    let longest = 0;
    for (let at = 0; at < text.length; at += 40) {
      const step = stream.append(text.slice(at, at + 40));
      settled.push(...step.settled);
      open = step.open;
      longest = Math.max(longest, stream.open.length);
    }
    assert.ok(longest < 20_000, `${kind}: ${longest}`);
    if (kind === "wall") continue;
    assert.deepEqual(words([...settled, ...open]), many, kind);
  }
  const fences = streamed(kinds.fence, 40);
  assert.ok(fences.length > 2 && fences.every((node) => node.type === "fence" && node.language === "py"));
  assert.ok(fences.slice(1).every((node) => node.continues));
});

test("hostile text is parsed in bounded time and depth", () => {
  const depth = (nodes) => 1 + Math.max(0, ...(nodes ?? []).map((node) => depth(node.children ?? node.blocks ?? node.items ?? [])));
  const texts = ["> ".repeat(3000), "- ".repeat(2000), "*a ".repeat(1300) + "a* ".repeat(1300), "[".repeat(4000), "![".repeat(2000), "[a](".repeat(1000), "`".repeat(1) + "a``b```".repeat(600), "_".repeat(4000), "|".repeat(4000) + "\n" + "|-".repeat(2000), "<".repeat(4000), "# " + " ".repeat(4000) + "x", "&".repeat(4000), "https://".repeat(500)];
  for (const text of texts) {
    const started = performance.now();
    const parsed = parseMarkdown(text);
    assert.ok(performance.now() - started < 2_000, text.slice(0, 10));
    assert.ok(depth(parsed) < 40, text.slice(0, 10));
  }
});

test("control characters and odd line ends go through as text", () => {
  assert.equal(plainText(parseInline("a\u0000b\u001b[31mc\u202Ed")), "a\u0000b\u001b[31mc\u202Ed");
  assert.equal(shown("a\r\n\r\nb\rc"), "p(a) p(b⏎c)");
});

test("Markdown is offered for what looks like it", () => {
  for (const text of ["# A\n", "x\n```py\n", "a **b** c", "- a\n- b", "1. a\nmore\n2. b", "| a |\n|---|---|", "see [x](https://y.org)"]) {
    assert.ok(looksLikeMarkdown(text), text);
  }
  for (const text of ["", "Harrison worked at Kensho.", "2 * 3 * 4", "snake_case and `one`", "- one dash", '{"a": [1, 2]}', "a | b", "#tag"]) {
    assert.ok(!looksLikeMarkdown(text), text);
  }
});
