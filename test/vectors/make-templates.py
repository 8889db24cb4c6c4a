"""Makes templates.json: what Jinja2 makes of chat templates and of each construct in them, set up
as transformers 5 sets it up (utils/chat_template_utils.py), but for the date, which is a fixed one.

Python 3.11, jinja2 3.1.6. Run: python make-templates.py
"""
import copy
import datetime
import json
import random
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_write")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _write(self, caller):
        return caller()


class PlainDict:
    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)


class PlainNamespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        fields = dict(*args, **kwargs)
        for name in fields:
            PlainNamespace.check(name)
        jinja2.utils.Namespace.__init__(self, fields)

    def __setitem__(self, name, value):
        PlainNamespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(name)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(format):
    return datetime.datetime(2024, 7, 26).strftime(format)


ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
)
ENVIRONMENT.filters["tojson"] = tojson
ENVIRONMENT.globals["raise_exception"] = raise_exception
ENVIRONMENT.globals["strftime_now"] = strftime_now
ENVIRONMENT.globals["dict"] = PlainDict()
ENVIRONMENT.globals["namespace"] = PlainNamespace

# What the small templates may ask for.
NAMES = {
    "s": "Hello, wörld",
    "pad": "  \n two  words\t\n",
    "code": "\n    x = 1\n\n  y\n",
    "e": "",
    "u": "a😀b̈ ß İ",
    "html": "<a href='x'>&\"</a>",
    "n": 7,
    "z": 0,
    "neg": -3,
    "f": 2.5,
    "big": 123456789012345678901234567890,
    "t": True,
    "no": False,
    "nil": None,
    "l": [3, 1, 2],
    "w": ["b", "A", "c", "a"],
    "mix": [1, "a", None, 2.5, True, [1], {"k": 1}],
    "empty": [],
    "d": {"b": 2, "a": 1, "items": "own", "C": [1, 2]},
    "rows": [
        {"role": "user", "n": 2, "in": {"x": "q"}},
        {"role": "tool", "n": 1, "in": {"x": "P"}},
        {"role": "user", "n": 3},
    ],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}],
}


def answer(template, names):
    """The text, or None where Jinja2 refuses."""
    try:
        # Copied, as `indent` of a list changes the list.
        return ENVIRONMENT.from_string(template).render(**copy.deepcopy(names))
    except RecursionError:
        raise
    except Exception:  # whatever it is, it is a refusal
        return None


# Each line is one template. Grouped by what they are about.
HAND = Path(HERE / "templates.txt").read_text(encoding="utf8").split("\n===\n")


class Maker:
    """Random templates of a seed: each asks for something that may go wrong."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def atom(self):
        return self.pick(
            *NAMES, *NAMES, "0", "1", "-2", "3", "1.5", "1e3", "'ab'", "'l'", "' '", "none", "true",
            "false", "[]", "[1, 'x']", "(1, 2)", "()", "{}", "{'a': 1}", "missing", "d.a", "d['b']",
            "l[0]", "l[-1]", "l[9]", "s[1]", "rows[0].role", "rows[1]['in'].x", "nil.x",
        )

    def expression(self, depth):
        if depth == 0:
            return self.atom()
        kind = self.random.randrange(12)
        part = lambda: self.expression(depth - 1)  # noqa: E731
        if kind == 0:
            operator = self.pick("+", "-", "*", "/", "//", "%", "-", "~", "~", "+")
            return f"{part()} {operator} {part()}"
        if kind == 1:
            operator = self.pick("==", "!=", "<", "<=", ">", ">=", "in", "not in")
            return f"{part()} {operator} {part()}"
        if kind == 2:
            return f"{part()} {self.pick('and', 'or')} {part()}"
        if kind == 3:
            return f"not {part()}"
        if kind == 4:
            return f"{part()} if {part()}" + self.pick("", f" else {part()}")
        if kind == 5:
            bounds = [self.pick("", "", "0", "1", "-1", "2", "-2", "9", "n", "nil") for _ in range(3)]
            return f"{self.group(depth)}[{bounds[0]}:{bounds[1]}{self.pick('', ':' + bounds[2])}]"
        if kind == 6:
            return f"{self.group(depth)}|{self.filter()}"
        if kind == 7:
            return f"{self.group(depth)}|{self.filter()}|{self.filter()}"
        if kind == 8:
            return f"{self.group(depth)}.{self.method()}"
        if kind == 9:
            return f"{part()} is {self.pick('', '', 'not ')}{self.test()}"
        if kind == 10:
            return f"{self.group(depth)}[{part()}]"
        return self.pick(f"[{part()}, {part()}]", f"({part()})", f"-{part()}", f"{{'k': {part()}}}")

    def group(self, depth):
        inner = self.expression(depth - 1)
        return inner if inner.isidentifier() else f"({inner})"

    def filter(self):
        return self.pick(
            "abs", "capitalize", "center(9)", "count", "default('D')", "default('D', true)", "d",
            "dictsort", "dictsort(by='value')", "dictsort(true, reverse=true)", "first", "float",
            "float(9)", "format(1, 'x')", "groupby('role')", "indent", "indent(2, true)",
            "indent('>', blank=true)", "int", "int(5)", "int(base=16)", "items|list", "join",
            "join(', ')", "join('-', attribute='role')", "last", "length", "list", "lower",
            "map('upper')|list", "map(attribute='role')|list", "map('string')|join", "max", "min",
            "map(attribute='in.x', default='?')|list", "reject('none')|list", "reverse|list",
            "rejectattr('n', 'gt', 1)|list", "replace('l', 'LL')", "replace('', '.', 2)", "round",
            "round(1)", "round(1, 'floor')", "round(0, 'ceil')", "safe", "select|list",
            "select('string')|list", "selectattr('in')|list", "selectattr('role', '==', 'user')|list",
            "selectattr('n', 'ge', 2)|map(attribute='n')|sum", "slice(2)|list", "sort",
            "sort(reverse=true)", "sort(attribute='n')|map(attribute='n')|list",
            "sort(case_sensitive=true)", "string", "sum", "sum(start=10)", "title", "tojson",
            "tojson(indent=2)", "tojson(sort_keys=true)", "tojson(ensure_ascii=true)", "trim",
            "tojson(separators=(',', ':'))", "trim('dH')", "truncate(5)", "truncate(8, true, '…')",
            "unique|list", "upper", "wordcount", "batch(2)|list", "batch(2, 'x')|list", "e",
            "urlencode", "reverse", "attr('role')",
        )

    def method(self):
        return self.pick(
            "strip()", "lstrip()", "rstrip()", "strip('H')", "lstrip('\\n')", "rstrip('\\n d')",
            "split()", "split(' ')", "split('l', 1)", "split(maxsplit=1)", "rsplit(None, 1)",
            "rsplit('l', 1)", "splitlines()", "splitlines(true)", "partition('l')",
            "rpartition('l')", "replace('l', 'L', 1)", "replace('l', 'L')", "upper()", "lower()",
            "title()", "capitalize()", "swapcase()", "startswith('He')", "endswith(('d', 'x'))",
            "startswith('l', 2)", "find('l')", "rfind('l')", "index('l')", "count('l')",
            "count('l', 3)", "join(['a', 'b'])", "join(w)", "zfill(9)", "ljust(14, '.')",
            "rjust(14, '.')", "center(15, '*')", "isdigit()", "isalpha()", "isupper()", "isspace()",
            "istitle()", "isalnum()", "removeprefix('He')", "removesuffix('d')", "format(1, a=2)",
            "expandtabs(4)", "keys()|list", "values()|list", "items()|list", "items()", "get('a')",
            "get('zz')", "get('zz', 5)", "copy()", "index(1)", "append(1)", "pop()", "update({})",
            "role", "a", "items", "__class__", "_x", "0", "n",
        )

    def test(self):
        return self.pick(
            "defined", "undefined", "none", "string", "number", "integer", "float", "boolean",
            "mapping", "sequence", "iterable", "callable", "true", "false", "odd", "even",
            "divisibleby 3", "divisibleby(2)", "eq 1", "ne 1", "lt 3", "gt 'a'", "in [1, 'ab']",
            "lower", "upper", "escaped", "equalto 'ab'", "sameas none", "filter", "test",
        )

    def template(self):
        kind = self.random.randrange(10)
        if kind < 5:
            return f"{{{{ {self.expression(self.pick(1, 1, 2, 2, 3))} }}}}"
        return self.statements(self.pick(1, 2, 3), False)

    def statements(self, depth, in_loop):
        return "".join(self.statement(depth, in_loop) for _ in range(self.pick(1, 2, 3)))

    def tag(self, text):
        begin = self.pick("{%", "{%", "{%", "{%-", "{%+")
        end = self.pick("%}", "%}", "%}", "-%}", "+%}")
        return f"{self.space()}{begin} {text} {end}{self.space()}"

    def space(self):
        return self.pick("", "", "", " ", "\n", "\n  ", "  \n", "x", "\t", "\n\n")

    def statement(self, depth, in_loop):
        simple = depth == 0
        kind = self.random.randrange(5 if simple else 13)
        name = self.pick("a", "b", "i", "n", "ns")
        if kind == 0:
            return self.pick("text", " ", "\n", "  a\n", "\n  b ", "{# note #}", "{#- n -#}\n")
        if kind == 1:
            begin, end = self.pick("{{", "{{-", "{{ "), self.pick("}}", "-}}", " }}")
            return f"{begin} {self.pick('a', 'b', 'i', 'n', 'loop.index', 'i ~ a')} {end}{self.space()}"
        if kind == 2:
            value = self.pick("1", "'v'", "i", "a", "b ~ '!'", "[a, b]", "n + 1", "loop.index0")
            return self.tag(f"set {name} = {value}")
        if kind == 3 and in_loop:
            test = self.pick("i == 1", "loop.first", "loop.last", "n", "a is defined")
            word = self.pick("break", "continue")
            return self.tag(f"if {test}") + "kept" + self.tag(word) + self.tag("endif")
        if kind <= 4:
            return f"{{{{ {self.expression(1)} }}}}"
        inner = lambda loop: self.statements(depth - 1, loop)  # noqa: E731
        if kind <= 7:
            over = self.pick("l", "range(3)", "[]", "w", "'xy'", "d", "rows|map(attribute='n')")
            test = self.pick("", "", "", " if i", " if i != 1", " if loop is defined")
            rest = self.pick("", "", self.tag("else") + "none" + inner(in_loop))
            return self.tag(f"for i in {over}{test}") + inner(True) + rest + self.tag("endfor")
        if kind <= 9:
            test = self.pick("a is defined", "n > 2", "b", "i == 1", "false", "loop is defined")
            rest = self.pick("", self.tag("else") + inner(in_loop))
            more = self.pick("", "", self.tag("elif a") + inner(in_loop))
            return self.tag(f"if {test}") + inner(in_loop) + more + rest + self.tag("endif")
        if kind == 10:
            filter = self.pick("", "", "|upper", "|trim|length")
            return self.tag(f"set {name}{filter}") + inner(in_loop) + self.tag("endset")
        if kind == 11:
            body = self.tag("macro m(a, i=5)") + inner(False) + self.tag("endmacro")
            return body + self.pick("{{ m(1) }}", "{{ m() }}", "{{ m('x', i=2) }}", "{{ m(1, 2, 3) }}")
        return self.pick(
            self.tag("filter upper") + inner(in_loop) + self.tag("endfilter"),
            self.tag("with a = n, b = a") + inner(in_loop) + self.tag("endwith"),
            self.tag("generation") + inner(False) + self.tag("endgeneration"),
        )


def conversations():
    """Shapes that chats have, for the templates of whole families."""
    system = {"role": "system", "content": " Be terse. "}
    user = {"role": "user", "content": "Tide?\n"}
    said = {"role": "assistant", "content": "\n    2 m\n"}
    thought = {"role": "assistant", "content": "<think>\nHm.\n</think>\n\n  4 m"}
    arguments = {"place": "Köln", "days": 2, "exact": 1.5}
    call = {"type": "function", "function": {"name": "tide", "arguments": arguments}}
    calls = {"role": "assistant", "content": "", "tool_calls": [call]}
    tool = {"role": "tool", "content": "{\"m\": 2}", "name": "tide"}
    schema = {
        "type": "function",
        "function": {
            "name": "tide",
            "description": "The tide's \"height\"",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
    yield "one", [user], None, True
    yield "answered", [user, said], None, False
    yield "system", [system, user, said, user], None, True
    yield "long", [system, user, said, user, thought, user, said], None, False
    yield "thought", [user, {"role": "assistant", "content": "A", "reasoning_content": "R"}], None, False
    yield "tools", [system, user, calls, tool, tool, said], [schema], False
    yield "tools asked", [user], [schema, schema], True
    yield "two users", [user, user], None, True
    yield "only assistant", [said], None, False
    yield "strange role", [{"role": "critic", "content": "x"}], None, True
    yield "emoji", [{"role": "user", "content": "😀 é\u2028ü\x85"}, said], None, False
    yield "nothing", [], None, True


def main():
    small = []
    for index, template in enumerate(HAND):
        small.append([template, answer(template, NAMES)])
    maker = Maker(20261128)
    seen = set(HAND)
    hung = 0
    while len(small) < 2600:
        template = maker.template()
        if template in seen or len(template) > 160:
            continue
        seen.add(template)
        text = answer(template, NAMES)
        # Where an object lies in memory is nobody's to say again.
        if text is not None and (" at 0x" in text or len(text) > 300):
            continue
        # Half of what is thrown together fails, and fails alike: keep some.
        if text is None and maker.random.random() < 0.7:
            hung += 1
            continue
        small.append([template, text])
    whole = []
    for path in sorted((HERE / "templates").glob("*.jinja")):
        source = path.read_text(encoding="utf8")
        for name, messages, tools, opens in conversations():
            names = {
                "messages": messages, "tools": tools, "documents": None,
                "add_generation_prompt": opens, "bos_token": "<s>", "eos_token": "</s>",
            }
            whole.append({"template": path.name, "chat": name, "text": answer(source, names)})
    chats = {name: [messages, tools, opens] for name, messages, tools, opens in conversations()}
    dump = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # noqa: E731
    lines = lambda values: "[\n" + ",\n".join(map(dump, values)) + "\n]"  # noqa: E731
    text = f'{{"names":{dump(NAMES)},\n"small":{lines(small)},\n"chats":{dump(chats)},\n"whole":{lines(whole)}}}\n'
    (HERE / "templates.json").write_text(text, encoding="utf8")
    print(len(small), sum(text is None for _, text in small), len(whole), hung, len(text))


main()
