"""
Which tokens of conversations are learned, by transformers' own mask of what an assistant writes:
masks.json.

    pip install transformers==5.0.0 jinja2
    python make-masks.py

Each case has a template, a conversation, and keys of a dataset. The template is written twice: as
it is, which is what Barnraise gets, and with {% generation %} around what those keys ask for, which
is what `apply_chat_template(return_assistant_tokens_mask=True)` gets. The tokenizer is the embedded
one, with the marks of the templates as tokens of their own.
"""
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
EMBEDDED = HERE / "../../node/model/embedded/tokenizer.json"
MARKS = ["<|im_start|>", "<|im_end|>", "<|header|>", "<|/header|>", "<|eot|>"]

# What a turn is made of: {W} and {/W} stand around its words, {E} and {/E} around its end.
TEMPLATES = {
    "chatml": (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{W}{{ m.content }}{/W}{E}{{ '<|im_end|>\\n' }}{/E}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "headers": (
        "{% for m in messages %}{{ '<|header|>' + m.role + '<|/header|>\\n\\n' }}"
        "{W}{{ m.content | trim }}{/W}{E}{{ '<|eot|>' }}{/E}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|header|>assistant<|/header|>\\n\\n' }}{% endif %}"
    ),
    "tools": (
        "{% if tools %}{{ '<|im_start|>tools\\n' + (tools | tojson) + '<|im_end|>\\n' }}{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{W}{% if m.reasoning_content %}{{ '<think>\\n' + m.reasoning_content + '\\n</think>\\n\\n' }}"
        "{% endif %}{{ m.content }}{% for call in m.tool_calls or [] %}"
        "{{ '\\n<tool_call>\\n' + (call.function | tojson) + '\\n</tool_call>' }}{% endfor %}{/W}"
        "{E}{{ '<|im_end|>\\n' }}{/E}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
}


def plain(template):
    for mark in ("{W}", "{/W}", "{E}", "{/E}"):
        template = template.replace(mark, "")
    return template


def marked(template):
    """The flags `words` and `end` of a message say whether these are learned."""
    for part, flag in (("W", "words"), ("E", "end")):
        before, rest = template.split("{" + part + "}")
        inner, after = rest.split("{/" + part + "}")
        template = (
            before
            + "{% if m." + flag + " %}{% generation %}" + inner + "{% endgeneration %}"
            + "{% else %}" + inner + "{% endif %}"
            + after
        )
    return template


def flagged(messages, roles, eos, field):
    """axolotl's rules, written again: a turn's own flag goes before the roles."""
    trained = [m[field] if field and field in m else m["role"] in roles for m in messages]
    last = max((i for i, one in enumerate(trained) if one), default=-1)
    ends = {
        "all": [True] * len(messages),
        "turn": trained,
        "last": [i == last for i in range(len(messages))],
        "none": [False] * len(messages),
    }[eos]
    return [m | {"words": w, "end": e} for m, w, e in zip(messages, trained, ends)]


def tokenizer():
    backend = Tokenizer.from_file(str(EMBEDDED))
    backend.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    return PreTrainedTokenizerFast(tokenizer_object=backend)


WORDS = "the tide comes in at noon and two boats lie off the quay".split()


def words(rng):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 6))).capitalize() + "."


def conversation(rng, with_tools, field):
    messages = []
    if rng.random() < 0.5:
        messages.append({"role": "system", "content": words(rng)})
    for _ in range(rng.randint(1, 3)):
        messages.append({"role": "user", "content": words(rng)})
        answer = {"role": "assistant", "content": words(rng)}
        if with_tools and rng.random() < 0.5:
            answer["reasoning_content"] = words(rng)
        if with_tools and rng.random() < 0.6:
            call = {"name": "tide", "arguments": {"at": words(rng), "n": rng.randint(1, 9)}}
            answer["tool_calls"] = [{"type": "function", "function": call}]
            answer["content"] = rng.choice(["", words(rng)])
            messages += [answer, {"role": "tool", "content": words(rng)}]
            answer = {"role": "assistant", "content": words(rng)}
        messages.append(answer)
    if field:
        for message in messages:
            if rng.random() < 0.4:
                message[field] = rng.random() < 0.5
    return messages


def cases():
    rng = random.Random(7)
    tok = tokenizer()
    for name, template in TEMPLATES.items():
        for roles in (["assistant"], ["user"], ["assistant", "user"], ["assistant", "tool"]):
            for eos in ("turn", "all", "last", "none"):
                for field in (None, "learn"):
                    messages = conversation(rng, name == "tools", field)
                    flags = flagged(messages, roles, eos, field)
                    if not any(one["words"] for one in flags):
                        continue
                    tools = [{"type": "function", "function": {"name": "tide"}}]
                    given = tools if name == "tools" else None
                    out = tok.apply_chat_template(
                        flags, tools=given, chat_template=marked(template), tokenize=True,
                        return_dict=True, return_assistant_tokens_mask=True,
                    )
                    assert out["input_ids"] == tok.apply_chat_template(
                        messages, tools=given, chat_template=plain(template), return_dict=False
                    )
                    row = {"messages": messages} | ({"tools": tools} if given else {})
                    keys = {"roles_to_train": roles, "train_on_eos": eos}
                    if field:
                        keys["message_field_training"] = field
                    yield {
                        "template": name, "row": row, "keys": keys,
                        "ids": out["input_ids"], "mask": "".join(map(str, out["assistant_masks"])),
                    }


if __name__ == "__main__":
    result = {
        "marks": MARKS,
        "templates": {name: plain(template) for name, template in TEMPLATES.items()},
        "cases": list(cases()),
    }
    (HERE / "masks.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
