"""Writes events.json: an event file as TensorBoard's own writer frames it.

python test/vectors/make-events.py  (tensorboard)
"""

import base64
import io
import json
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


class Buffer(io.BytesIO):
    def close(self):
        pass


buffer = Buffer()
writer = RecordWriter(buffer)
writer.write(event_pb2.Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
value = summary_pb2.Summary.Value
summary = summary_pb2.Summary(
    value=[value(tag="loss/held out", simple_value=3.25), value(tag="run/tokens", simple_value=1e6)]
)
writer.write(event_pb2.Event(wall_time=2.25, step=300, summary=summary).SerializeToString())
writer.flush()
path = Path(__file__).parent / "events.json"
path.write_text(json.dumps({"file": base64.b64encode(buffer.getvalue()).decode()}) + "\n")
