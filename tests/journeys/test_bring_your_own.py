"""Bring your own model, with the real command: every form comes in and keeps its scores; what lies or could do harm stays out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journeys.brought import COUNTRIES, NAMES, SCHEMA, booster, forest, lightgbm_text, rows, sample, skops_file

from baton.registry.bundle import unpack
from baton.serving.model import ServedModel, load_model

pytestmark = pytest.mark.timeout(300)
Told = tuple[int, str]


def baton(folder: Path, *words: str) -> Told:
    """Run a command; exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "baton.cli", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    return done.returncode, done.stdout + done.stderr


def imported(folder: Path, file: Path, *options: str) -> dict[str, Any]:
    """What the command tells of the bundle that it made."""
    code, said = baton(folder, "bundle", "import", str(file), "--json", *options)
    assert code == 0, said
    told: dict[str, Any] = json.loads(said)
    return told


def served(told: dict[str, Any], folder: Path) -> ServedModel:
    return load_model((folder / told["file"]).read_bytes(), b"", lambda *_: True)


def columns() -> dict[str, Any]:
    return {name: values.tolist() for name, values in zip(NAMES, rows(50)[0].T, strict=True)}


def test_lightgbms_text_ships_as_onnx_with_the_scores_it_had_at_home(tmp_path: Path) -> None:
    file = lightgbm_text(tmp_path)
    told = imported(tmp_path, file, "--sample", str(sample(tmp_path)), "--expected", "home", "--keys", "keys")
    assert told["sealed"] and (tmp_path / "churn.bundle.sig").is_file()
    assert told["running"] == {"form": "onnx", "kind": "probability", "memory": 0, "cpu": 0}
    assert told["format"] == 1 and told["parity"]["rows"] >= 5000
    wanted = booster().predict(rows(50)[0])
    assert served(told, tmp_path).score(columns()) == pytest.approx(wanted, abs=1e-5)
    code, said = baton(tmp_path, "bundle", "verify", "churn.bundle", "--key", "keys/public.pem")
    assert (code, "is whole" in said) == (0, True)
    assert "4 inputs" in said or "churn" in baton(tmp_path, "bundle", "show", "churn.bundle")[1]


def test_the_same_file_is_the_same_bundle(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, other = (imported(tmp_path / name, lightgbm_text(tmp_path / name)) for name in ("a", "b"))
    assert one["digest"] == other["digest"]


def test_an_estimator_without_a_faithful_conversion_keeps_its_form(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    told = imported(tmp_path, skops_file(tmp_path, forest()), "--schema", "schema.yaml", "--as", "trees", "--memory", "1G")
    assert (told["running"]["form"], told["running"]["memory"], told["format"]) == ("skops", 1 << 30, 2)
    assert "ONNX" in told["note"]
    model = served(told, tmp_path)
    given = {**columns(), "country": [COUNTRIES[int(code)] for code in columns()["country"]]}
    assert model.score(given) == pytest.approx(forest().fit(*rows()).predict_proba(rows(50)[0])[:, 1].tolist(), abs=1e-12)
    assert model.row is None and model.apart and "sklearn" not in str(model.run)


def test_scores_that_are_not_those_from_home_are_refused(tmp_path: Path) -> None:
    other = np.asarray(booster(seed=2, num_leaves=4).predict(rows()[0]))
    file = lightgbm_text(tmp_path)
    code, said = baton(tmp_path, "bundle", "import", str(file), "--sample", str(sample(tmp_path, other)), "--expected", "home")
    assert (code, "does not give the scores" in said) == (5, True), said
    assert not (tmp_path / "churn.bundle").exists()


def test_texts_need_their_codes(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("amount,age,tenure,country\n1,2,3,de\n2,3,4,fr\n")
    code, said = baton(tmp_path, "bundle", "import", str(lightgbm_text(tmp_path)), "--sample", "s.csv")
    assert code == 2 and "holds texts" in said and "country: [de, fr]" in said


def test_pickles_are_refused_and_never_opened(tmp_path: Path) -> None:
    bomb = b"cposix\nsystem\n(S'touch " + str(tmp_path / "pwned").encode() + b"'\ntR."
    for name in ("m.pkl", "m.joblib", "m.onnx", "m.skops", "m.txt", "m.ubj"):
        (tmp_path / name).write_bytes(bomb)
        code, said = baton(tmp_path, "bundle", "import", name)
        assert code in (2, 5) and "fix:" in said, said
    assert not (tmp_path / "pwned").exists()


def test_the_memory_limit_of_an_import_is_told(tmp_path: Path) -> None:
    code, said = baton(tmp_path, "bundle", "import", str(lightgbm_text(tmp_path)), "--import-memory", "120M")
    assert code != 0 and "memory" in said, said


def test_a_changed_bundle_and_a_strangers_seal_are_found(tmp_path: Path) -> None:
    imported(tmp_path, lightgbm_text(tmp_path), "--keys", "keys")
    imported(tmp_path, lightgbm_text(tmp_path), "--keys", "others", "--output", "other.bundle")
    code, said = baton(tmp_path, "bundle", "verify", "churn.bundle", "--key", "others/public.pem")
    assert code == 7 and "signature does not fit" in said
    data = bytearray((tmp_path / "churn.bundle").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "churn.bundle").write_bytes(data)
    for key in ((), ("--key", "keys/public.pem")):
        assert baton(tmp_path, "bundle", "verify", "churn.bundle", *key)[0] == 7
    (tmp_path / "other.bundle.sig").unlink()
    assert baton(tmp_path, "bundle", "verify", "other.bundle", "--key", "others/public.pem")[0] == 3
    assert unpack((tmp_path / "other.bundle").read_bytes(), b"", lambda *_: True).manifest.project == "churn"


def test_a_version_of_a_workspace_comes_out_with_its_seal(tmp_path: Path) -> None:
    from journeys import scored

    project = scored.served(tmp_path)
    here = ("--project", str(project))
    code, said = baton(tmp_path, *here, "bundle", "export", "1", "--to", "fraud.bundle")
    assert code == 0 and "baton serve fraud.bundle --key" in said, said
    key = project / ".baton" / "keys" / "public.pem"
    assert baton(tmp_path, "bundle", "verify", "fraud.bundle", "--key", str(key))[0] == 0
    bundle = unpack((tmp_path / "fraud.bundle").read_bytes(), b"", lambda *_: True)
    assert (project / ".baton" / "artifacts" / bundle.digest).is_file() and bundle.manifest.format == 1
    code, said = baton(tmp_path, *here, "bundle", "export", "9", "--to", "none.bundle")
    assert code == 3 and "no version 9" in said


def test_features_that_are_looked_up_need_a_workspace(tmp_path: Path) -> None:
    """A bundle whose features come from an online store takes given inputs; entities are told where to go."""
    from baton.inference.standalone import Terms, planes
    from baton.kernel.errors import InvalidInput
    from baton.serving.metrics import ServingMetrics
    from baton.testing.bundles import tiny_bundle
    from baton.testing.server import ROW

    (tmp_path / "f.bundle").write_bytes(tiny_bundle())
    ((_, plane),) = planes([tmp_path / "f.bundle"], Terms(None), ServingMetrics(), tmp_path)
    assert plane.predict(json.dumps({"inputs": ROW}).encode()).predictions[0].model_version == 1
    with pytest.raises(InvalidInput, match="cannot be looked up") as caught:
        plane.predict(b'{"entities": ["f1"]}')
    assert "baton up" in caught.value.fix
