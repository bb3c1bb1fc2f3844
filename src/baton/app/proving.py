"""What happens to a model file that somebody brings: read, scored as it is, turned into ONNX, and the two held together.

`python -m baton.app.proving` runs it in a cell, for the import of a bundle: files from elsewhere are parsed by large
libraries, and conversion lies sometimes. Nothing ships as ONNX unless it scores like the model that was brought.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from baton.app.bootstrap import load_native
from baton.app.parity import ROWS, TOLERANCE, onnx_scores
from baton.kernel.cell import enter, receive, send
from baton.kernel.errors import BatonError, InvalidInput, Refused
from baton.registry.bundle import LIMIT
from baton.registry.native import Native

Array = np.ndarray[Any, Any]
MODULE = "baton.app.proving"
LOAD, PROVE, TOLD, FAILED = b"L", b"P", b"T", b"E"
MOST_EDGES, CODES = 3000, 32
EXTREMES = (0.0, -1e9, 1e9, -1e30, 1e30)
_SLACK = 1e-6


class Asked(msgspec.Struct, frozen=True):
    """What is asked of the cell: the model's form and class; then rows, by their number, each column's codes (0: a number),
    the threshold (None: the usual one), and whether the scores that they should have follow them."""

    form: str = "onnx"
    label: str = ""
    rows: int = 0
    codes: tuple[int, ...] = ()
    threshold: float | None = None
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores held against others: rows, the largest difference (relative above 1 for scores without bounds), flipped answers."""

    rows: int
    largest: float
    flips: int

    @property
    def equal(self) -> bool:
        """Whether both say the same."""
        return self.largest <= TOLERANCE and not self.flips


def proof_rows(sample: Array, codes: Sequence[int], edges: Sequence[tuple[int, float]], base: int = ROWS) -> Array:
    """At least 5,000 rows to compare on: those of the sample, rows drawn from its columns, and edges.

    Drawn rows take each value from a row of its own, every fourth one nudged; one row in ten lacks values. Edge rows set each
    feature in turn to missing, far beyond either end, to every category, and to both sides of where the model may jump.
    """
    draw, width = np.random.default_rng(0), len(codes)
    real = sample[-base:]
    drawn = np.empty((max(base - len(real), 500), width), dtype=np.float32)
    for column, count in enumerate(codes):
        drawn[:, column] = _drawn(draw, real[:, column], count, len(drawn))
    drawn[(draw.random(drawn.shape) < 0.3) & (draw.random((len(drawn), 1)) < 0.1)] = np.nan
    middle = real[-1] if len(real) else np.nan_to_num(drawn[0])
    return np.concatenate([real, drawn, _edge_rows(middle, codes, edges)]).astype(np.float32)


def _drawn(draw: np.random.Generator, known: Array, count: int, rows: int) -> Array:
    if count:
        return draw.integers(0, count, rows).astype(np.float32)
    known = known[np.isfinite(known)]
    if not len(known):
        return (draw.normal(size=rows) * 10.0 ** draw.uniform(-2, 3, rows)).astype(np.float32)
    values = draw.choice(known, rows)
    nudged = draw.random(rows) < 0.25
    values[nudged] += (draw.normal(size=int(nudged.sum())) * max(float(np.std(known)), 1e-6)).astype(np.float32)
    return np.asarray(values, dtype=np.float32)


def _edge_rows(middle: Array, codes: Sequence[int], edges: Sequence[tuple[int, float]]) -> Array:
    changes = [(column, np.nan) for column in range(len(codes))]
    for column, count in enumerate(codes):
        changes += [(column, float(value)) for value in (range(min(count, CODES)) if count else EXTREMES)]
    step = max(1, -(-len(edges) // MOST_EDGES))
    for column, value in edges[::step]:
        single = np.float32(np.clip(value, -3e38, 3e38))
        changes += [(column, float(each)) for each in (single, *(np.nextafter(single, np.float32(end)) for end in (-3e38, 3e38)))]
    rows = np.repeat(middle[None, :], len(changes) + 1, axis=0)
    for place, (column, value) in enumerate(changes):
        rows[place, column] = value
    rows[-1] = np.nan
    return rows


def compare(ours: Array, theirs: Array, threshold: float, kind: str) -> Comparison:
    """Two lots of scores of the same rows. A score that only one of them has is a difference without end."""
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.maximum(1.0, np.abs(ours)) if kind == "score" else np.ones(len(ours))
        apart = np.abs(ours - theirs) / scale
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        apart = np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))
        far = np.abs(ours - threshold) > TOLERANCE * scale
        flips = (~same) & far & ((ours >= threshold) != (theirs >= threshold))
    return Comparison(len(ours), float(apart.max(initial=0.0)), int(np.count_nonzero(flips)))


def prove(native: Native, asked: Asked, sample: Array, expected: Array | None) -> tuple[dict[str, Any], bytes]:
    """The form that ships, why, and its proof. Raises Refused when the model does not give the scores that it should."""
    rows = proof_rows(sample, asked.codes, native.edges())
    ours = native.score(rows)
    kind = native.kind or ("probability" if _probable(ours) else "score")
    if kind == "probability" and not _probable(ours):
        raise Refused("the model gives something else than probabilities", why=f"from {np.nanmin(ours):g} to {np.nanmax(ours):g}")
    threshold = asked.threshold if asked.threshold is not None else (0.5 if kind == "probability" else 0.0)
    if expected is not None:
        _refuse_other_scores(native.score(sample[-len(expected) :]), expected, threshold, kind)
    form, model, proof, note = _shipped(native, asked, rows, ours, (threshold, kind))
    told = {
        "form": form,
        "kind": kind,
        "threshold": threshold,
        "note": note,
        "parity": {"rows": proof.rows, "largest_difference": proof.largest, "flips": proof.flips},
    }
    return told, model


def _shipped(
    native: Native, asked: Asked, rows: Array, ours: Array, meant: tuple[float, str]
) -> tuple[str, bytes, Comparison, str]:
    """ONNX when it proves equal, else the form it came in, loaded again and proved equal to itself."""
    try:
        graph = native.onnx()
        proof = compare(ours, onnx_scores(graph, rows), *meant)
        if proof.equal:
            return "onnx", graph, proof, ""
        why = f"as ONNX it differs by up to {proof.largest:.2g} and flips {proof.flips} of {proof.rows:,} answers"
    except Refused as error:
        why = f"{error.what}: {error.why}"
    except Exception as error:  # noqa: BLE001  a graph that cannot be run is no graph
        why = f"as ONNX it cannot be run: {str(error).splitlines()[0][:200]}"
    if asked.form == "onnx":
        raise Refused("the graph cannot be made to take one matrix and give one score", why=why, fix="export it so")
    kept = native.native()
    proof = compare(ours, load_native(asked.form, kept, asked.label).score(rows), *meant)
    if not proof.equal:
        raise Refused("the model does not score alike twice", why=f"it differs from itself by {proof.largest:.2g}")
    return asked.form, kept, proof, why


def _refuse_other_scores(ours: Array, expected: Array, threshold: float, kind: str) -> None:
    found = compare(np.asarray(expected), ours, threshold, kind)
    if not found.equal:
        worst = int(np.nanargmax(np.abs(ours - expected))) if np.isfinite(ours - expected).any() else 0
        raise Refused(
            "the model does not give the scores that the sample says",
            where=f"row {worst + 1} of the last {len(expected):,}",
            why=f"{ours[worst]:.6g} instead of {expected[worst]:.6g}; up to {found.largest:.2g} apart, {found.flips} answers flipped",
            fix="export the model that made those scores, with the same order of features and codes of categories",
        )


def _probable(scores: Array) -> bool:
    known = scores[~np.isnan(scores)]
    return bool(len(known)) and bool(np.all((known >= -_SLACK) & (known <= 1 + _SLACK)))


def _described(native: Native) -> Mapping[str, Any]:
    return {
        "width": native.width,
        "names": native.names,
        "classes": native.classes,
        "categories": native.categories,
        "whole": native.whole,
    }


def main() -> None:
    """Answer one file: what it is, then what becomes of it."""
    peer, _, _ = enter(sys.argv[1:])
    native: Native | None = None
    form, label = "", ""
    while True:
        kind, body = receive(peer, 2 * LIMIT)
        size = int.from_bytes(body[:4], "little")
        asked = msgspec.json.decode(bytes(body[4 : 4 + size]), type=Asked)
        rest = memoryview(body)[4 + size :]
        try:
            if kind == LOAD:
                form, label = asked.form, asked.label
                native = load_native(form, bytes(rest), label)
                told, model = _described(native), b""
            else:
                assert native is not None
                told, model = prove(native, msgspec.structs.replace(asked, form=form, label=label), *_rows(asked, rest))
            head = msgspec.json.encode(told)
            send(peer, TOLD, len(head).to_bytes(4, "little"), head, model)
        except Exception as error:  # noqa: BLE001  whatever it was, the caller hears it
            send(peer, FAILED, msgspec.json.encode(_failure(error)))


def _rows(asked: Asked, data: memoryview) -> tuple[Array, Array | None]:
    width = len(asked.codes)
    end = asked.rows * width * 4
    matrix = np.frombuffer(data[:end], dtype=np.float32).reshape(asked.rows, width)
    return matrix, np.frombuffer(bytes(data[end:]), dtype=np.float64) if asked.expected else None


def _failure(error: Exception) -> dict[str, str]:
    if isinstance(error, BatonError):
        return {"code": error.code, "what": error.what, "where": error.where, "why": error.why, "fix": error.fix}
    if isinstance(error, MemoryError):
        return {
            "code": "unavailable",
            "what": "the memory limit of the import was hit",
            "fix": "give it more: --import-memory 8G",
        }
    why = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return {"code": InvalidInput.code, "what": "the model cannot be used", "why": why, "fix": "export it again"}


if __name__ == "__main__":
    main()
