"""The bare engine: ASGI on uvicorn, msgspec, ONNX Runtime. No check but decoding, no log, no version in the answer.

    python bare_app.py MATERIAL PORT WORKERS

Each worker has a socket of its own (SO_REUSEPORT): with one shared among them, one worker often takes every connection.
"""

import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import uvicorn

MATERIAL = Path(sys.argv[1])
CODES = json.loads((MATERIAL / "codes.json").read_text())
NAN = float("nan")


class Flight(msgspec.Struct):
    carrier: str
    origin: str
    dest: str
    flight: float
    distance: float
    month: float
    day: float
    weekday: float
    hour: float
    minute: float
    notice_hours: float
    dep_delay: float


def load():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MATERIAL / "model.onnx"), options, providers=["CPUExecutionProvider"])
    taken, given = session.get_inputs()[0].name, [session.get_outputs()[-1].name]
    return lambda matrix: session.run(given, {taken: matrix})[0][:, 1]


def make_app():
    score = load()
    decode, encode = msgspec.json.Decoder(Flight | list[Flight]).decode, msgspec.json.encode
    carriers, origins, dests = CODES["carrier"], CODES["origin"], CODES["dest"]

    def values(row):
        return (
            carriers.get(row.carrier, NAN),
            origins.get(row.origin, NAN),
            dests.get(row.dest, NAN),
            row.flight,
            row.distance,
            row.month,
            row.day,
            row.weekday,
            row.hour,
            row.minute,
            row.notice_hours,
            row.dep_delay,
        )

    async def app(_scope, receive, send):
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        asked = decode(body)
        rows = asked if isinstance(asked, list) else [asked]
        answer = encode(score(np.array([values(row) for row in rows], dtype=np.float32)).tolist())
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def work(port):
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    app = make_app()
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[bound])


def main():
    port, workers = int(sys.argv[2]), int(sys.argv[3])
    others = []
    for _ in range(workers - 1):
        child = os.fork()
        if child == 0:
            break
        others.append(child)
    work(port)
    for child in others:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


main()
