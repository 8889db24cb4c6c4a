"""
Tables as Python's csv reads them: tables.json.

    python make-tables.py

Rows whose cells have commas, tabs, quotes and line ends are written by csv, with one kind of line
end and each of its ways to quote, and by hand with quotes within plain cells.
"""
import csv
import io
import json
import random
from pathlib import Path

HERE = Path(__file__).parent
ODD = ["", ",", "\t", '"', '""', "\n", "a", "b c", " x ", "é", '"q"', "a,b", "a\nb", "5\" pipe"]


def read(text, delimiter):
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def main():
    rng = random.Random(4180)
    tables = []
    for _ in range(150):
        delimiter = rng.choice(",\t")
        header = ["one", "two", "three three"][: rng.randint(1, 3)]
        quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow(header)
        for _ in range(rng.randint(0, 4)):
            writer.writerow(["".join(rng.choices(ODD, k=rng.randint(0, 3))) for _ in header])
        text = out.getvalue()
        tables.append((delimiter, text if rng.random() < 0.7 else text.rstrip("\n")))
    tables += [(",", 'one,two\n5" pipe,a"b"\n'), ("\t", 'one\ttwo\nsay "hi"\tx\n'), (",", "one,two\n\n\n1,2\n\n")]
    result = []
    for delimiter, text in tables:
        result.append({"delimiter": delimiter, "text": text, "rows": read(text, delimiter)})
    (HERE / "tables.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


main()
