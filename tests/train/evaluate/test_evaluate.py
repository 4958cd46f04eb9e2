"""The figures of merit on answers that are known to be right, or wrong by a known amount."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from evaluate_support import Knowing, write_pool

from face3d_live import rotations
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION, N_SHAPE
from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.train.data.pool import Mixture, Pool
from face3d_live.train.data.portraits import Portrait
from face3d_live.train.evaluate import contact_sheets as pictures
from face3d_live.train.evaluate import faces, metrics, people, rendered_clips, run, scans, true_points
from face3d_live.train.evaluate import report as evaluate_report
from face3d_live.train.evaluate.answers import Evaluator, Measured, Samples, describe, evaluate_pool
from face3d_live.train.evaluate.metrics import Answers

pytestmark = pytest.mark.slow

COUNT = 40


@pytest.fixture(scope="module")
def pool(head: Head, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool(write_pool(head, tmp_path_factory.mktemp("known"), COUNT))


def knowing(pool: Pool, **options: float) -> Any:
    return Knowing(pool.take(np.arange(len(pool))), **options)


@pytest.fixture(scope="module")
def perfect(head: Head, pool: Pool) -> Measured:
    return Evaluator(knowing(pool), head).measure(pool)


def test_a_perfect_regressor_has_no_errors(head: Head, perfect: Measured) -> None:
    report = describe(head, perfect)
    network, fit = report["network"], report["fit"]
    assert report["faces"] == COUNT
    assert network["channels"] == N_EXPRESSION and network["mean_r"] == pytest.approx(1, abs=1e-4)
    assert network["slope"] == pytest.approx(dict.fromkeys(ARKIT, 1), abs=1e-3) and network["median_slope"] > 0.999
    for key in ("points_percent", "landmarks_percent", "ibug68_percent", "points_p95", "mae", "vertices_mm"):
        assert network[key] == pytest.approx(0, abs=1e-4), key
    for key in ("neutral_mm", "aligned_mm", "known_scale_mm", "scale_sd_percent", "gaze_degrees", "rotation_degrees"):
        assert network[key] == pytest.approx(0, abs=0.06), key
    assert fit["landmarks_percent"] < 0.5 and fit["mean_r"] > 0.95 and fit["vertices_mm"] < 1  # priors pull a little


def test_shifted_points_are_off_by_the_shift(head: Head, pool: Pool, perfect: Measured) -> None:
    measured = Evaluator(knowing(pool, shift=0.02), head).measure(pool)
    eyes = metrics.eye_distance(measured.labels["points"])
    assert describe(head, measured)["network"]["landmarks_percent"] == pytest.approx((2 / eyes).mean(), rel=1e-3)
    # It also said that it would be: that is what calibration shows.
    for group in describe(head, measured)["calibration"]:
        assert group["expected"] == pytest.approx(0.02, rel=1e-3) and group["error"] == pytest.approx(0.02, rel=1e-3)


def test_noise_lowers_r_and_nothing_but_the_expression(head: Head, pool: Pool) -> None:
    report = describe(head, Evaluator(knowing(pool, mix=0.6), head).measure(pool))["network"]
    assert 0.2 < report["mean_r"] < 0.8 and report["mae"] > 0.1 and report["gaze_degrees"] > 1
    assert report["vertices_mm"] > 0.2 and report["neutral_mm"] == 0 and report["points_percent"] == pytest.approx(0)


def test_limit_and_nothing_to_measure(head: Head, pool: Pool, tmp_path: Path) -> None:
    assert evaluate_pool(knowing(pool), head, pool, limit=5)["faces"] == 5
    with pytest.raises(InputError) as caught:
        evaluate_pool(knowing(pool), head, Pool(tmp_path))
    assert caught.value.code == "pool-empty"


def test_alignment_turns_and_shifts_but_never_scales() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.05, (3, 500, 3))
    turn = rotations.from_euler(0.4, -0.2, 0.3)
    moved = truth @ turn.T + (0.01, 0.02, -0.5)
    assert metrics.aligned_errors(moved, truth) == pytest.approx(np.zeros(3), abs=1e-4)
    larger = metrics.aligned_errors(1.1 * moved, truth)
    middle = truth - truth.mean(1, keepdims=True)
    assert larger == pytest.approx(100 * np.linalg.norm(middle, axis=-1).mean(1), rel=1e-3)
    mirrored = metrics.aligned_errors(truth * (-1, 1, 1), truth)
    assert (mirrored > 5).all()  # a reflection is no rotation


def test_a_given_size_takes_the_size_out_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.05, (3, 500, 3))
    copies = truth * np.array([0.8, 1.0, 1.25])[:, None, None] @ rotations.from_euler(0.4, -0.2, 0.3).T + (0.1, 0, -0.5)
    assert metrics.known_scale_errors(copies, truth) == pytest.approx(np.zeros(3), abs=1e-4)
    assert metrics.scale_errors(copies, truth) == pytest.approx(-100 * np.log([0.8, 1, 1.25]), abs=1e-4)
    assert (metrics.aligned_errors(copies, truth)[[0, 2]] > 5).all()
    bent = truth.copy()
    bent[..., 2] += 4 * truth[..., 0] ** 2  # 10 mm at 5 cm
    assert (metrics.known_scale_errors(bent, truth) > 3).all()
    assert (metrics.known_scale_errors(truth * (-1, 1, 1), truth) > 5).all()


def aligned_one_by_one(points: np.ndarray, truth: np.ndarray, scaled: bool) -> float:
    """Mean distance in millimetres of one surface (V, 3): the rotation by SciPy, the scale by a search."""
    from scipy.optimize import minimize_scalar
    from scipy.spatial.transform import Rotation

    a, b = points - points.mean(0), truth - truth.mean(0)
    turned = Rotation.align_vectors(b, a)[0].apply(a)
    scale = minimize_scalar(lambda s: ((s * turned - b) ** 2).sum(), (0.5, 2)).x if scaled else 1.0
    return float(1e3 * np.linalg.norm(scale * turned - b, axis=1).mean())


@pytest.mark.parametrize("scaled", [False, True])
def test_alignment_is_what_a_slow_search_finds(scaled: bool) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 0.05, (5, 200, 3))
    turns = np.stack([rotations.from_euler(*rng.normal(0, 1, 3)) for _ in truth])
    seen = rng.uniform(0.7, 1.4, (5, 1, 1)) * (truth + rng.normal(0, 0.01, truth.shape)) @ turns + (0.3, 0, -1)
    fast = (metrics.known_scale_errors if scaled else metrics.aligned_errors)(seen, truth)
    slow = [aligned_one_by_one(a, b, scaled) for a, b in zip(seen, truth, strict=True)]
    assert fast == pytest.approx(slow, rel=1e-5)


def test_gaze_in_degrees() -> None:
    left = np.zeros((1, N_EXPRESSION))
    left[0, [INDEX["eyeLookOutLeft"], INDEX["eyeLookInRight"]]] = 0.5  # of 30 degrees
    assert metrics.gaze_errors(left, np.zeros((1, N_EXPRESSION))) == pytest.approx([15], abs=1e-3)
    one_eye = left.copy()
    one_eye[0, INDEX["eyeLookInRight"]] = 0
    assert metrics.gaze_errors(one_eye, np.zeros((1, N_EXPRESSION))) == pytest.approx([7.5], abs=1e-3)


def test_calibration_orders_by_what_was_expected() -> None:
    expected = np.array([0.3, 0.1, 0.2, 0.4])
    table = metrics.calibration(expected, 2 * expected, bins=2)
    assert [row["faces"] for row in table] == [2, 2]
    assert [row["expected"] for row in table] == pytest.approx([0.15, 0.35])
    assert [row["error"] for row in table] == pytest.approx([0.3, 0.7])
    assert metrics.confidence_correlation(-expected, 2 * expected) == pytest.approx(-1)


def test_groups_and_bins() -> None:
    errors = np.array([1.0, 3.0, 5.0, 7.0])
    assert metrics.by_group(np.array(["b", "a", "a", "b"]), errors) == {
        "a": {"faces": 2, "error": 4.0},
        "b": {"faces": 2, "error": 4.0},
    }
    bins = metrics.by_bin(np.array([90.0, 50.0, 10.0, -20.0]), faces.TONES, errors)
    assert bins == {
        "light, over 41": {"faces": 1, "error": 3.0},
        "tan, 10 to 28": {"faces": 1, "error": 5.0},
        "dark, under 10": {"faces": 1, "error": 7.0},
    }  # 90 degrees are a grey picture: it has no tone


def test_the_worst_bin_needs_enough_faces() -> None:
    bins = {
        "light": {"faces": 80, "error": 2.0},
        "dark": {"faces": 20, "error": 4.0},
        "a few": {"faces": faces.FEWEST - 1, "error": 9.0},
    }
    worst = faces.worst_bin(bins)
    mean = (160 + 80 + 9 * (faces.FEWEST - 1)) / (100 + faces.FEWEST - 1)
    assert worst == {"bin": "dark", "faces": 20, "ratio": pytest.approx(4 / mean)}
    assert faces.worst_bin({}) == {"bin": None, "ratio": None}


def test_tones_follow_the_albedo(head: Head) -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(16, 50)).astype(np.float32)
    codes[0] = 0
    tones = faces.albedo_tones(head, codes)
    assert tones[0] == 90 and (tones[1:] < 90).all()
    from face3d_live.texture.albedo import Albedo

    decoded = [Albedo.load().decode(code)[100:156].mean() for code in codes[1:]]
    assert np.corrcoef(decoded, tones[1:])[0, 1] > 0.3  # lighter skins have the larger angle


def test_portraits_are_broken_down(head: Head, pool: Pool) -> None:
    labels = pool.take(np.arange(len(pool)))
    labels["source"][:] = 1
    labels["teacher"], labels["teacher_weight"] = labels["expression"], np.ones_like(labels["expression"])
    measured = Evaluator(knowing(pool), head).measure(Samples(labels))
    glasses = sorted(faces.GLASSES)[0]
    who = [
        Portrait(Path(glasses if i < 4 else f"p{i}.jpg"), "pif" if i % 2 else "18f", 50.0 if i < 30 else -5.0, "", 0)
        for i in range(COUNT)
    ]
    report = faces.portrait_figures(head, measured, who)
    assert "mae" not in report["fit"]  # a portrait's codes are nobody's truth
    assert report["traits"]["network"] == pytest.approx(dict.fromkeys(faces.TRAITS, 1.0))
    assert {name: group["faces"] for name, group in report["by"]["glasses"].items()} == {"glasses": 4, "none": 36}
    assert [group["faces"] for group in report["by"]["set"].values()] == [20, 20]
    assert [group["faces"] for group in report["by"]["skin tone"].values()] == [30, 10]
    assert report["worst_tone"]["ratio"] == pytest.approx(1, abs=0.5)


def test_scan_heads_against_the_truth(head: Head, perfect: Measured) -> None:
    rest = np.zeros((COUNT, N_EXPRESSION), np.float32)
    truth = metrics.face_surfaces(head, perfect.labels["shape"], rest)
    moved = truth @ rotations.from_euler(0.1, 0.05, 0).T + 0.003  # what scans and heads disagree on is no error
    report = scans.scan_figures(head, perfect, 1.05 * moved)
    assert report["network"]["known_scale"] < 0.01 and report["network"]["scale_sd_percent"] < 0.01
    assert report["network"]["mean"] > 1 and report["average face"]["known_scale"] < report["average face"]["mean"]
    report = scans.scan_figures(head, perfect, moved)
    assert report["network"]["mean"] < 0.01 and report["network"]["p95"] < 0.01
    assert report["average face"]["mean"] > 1.5
    assert 0 < report["frontal_faces"] <= COUNT


def test_a_torn_pool_of_scan_heads_says_so(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as caught:
        scans.truth(tmp_path, 3)
    assert caught.value.code == "pool-broken"


def test_scan_heads_are_drawn_with_their_truth(head: Head, shared_data: Path, tmp_path: Path) -> None:
    from face3d_live.train.command import plain_skins

    skins = plain_skins(tmp_path / "skins")
    scans.draw(head, shared_data, skins, tmp_path / "scans", 3)
    batch, truth = Pool(tmp_path / "scans").take(np.arange(3)), scans.truth(tmp_path / "scans", 3)
    nearest = metrics.face_surfaces(head, batch["shape"], np.zeros((3, N_EXPRESSION), np.float32))
    errors = metrics.aligned_errors(nearest, truth)
    assert (errors > 0.05).all() and (errors < 2).all()  # scans are no heads of the basis, but near to one


def test_better_points_make_better_heads(head: Head, perfect: Measured) -> None:
    rest = Answers(
        perfect.network.points,
        np.zeros_like(perfect.network.expression),
        np.zeros_like(perfect.network.shape),
        perfect.network.rotation,
    )
    rows = true_points.true_point_figures(head, replace(perfect, network=rest), count=20)
    assert [row["noise_percent"] for row in rows] == pytest.approx([0.3, 1, 2]) and rows[0]["faces"] == 20
    assert rows[0]["mean_r"] > rows[1]["mean_r"] > rows[2]["mean_r"] > 0.3
    assert rows[0]["known_scale_mm"] < rows[1]["known_scale_mm"] < rows[2]["known_scale_mm"]
    labels = perfect.labels
    truth = metrics.face_surfaces(head, labels["shape"], labels["expression"])
    average = np.broadcast_to(metrics.face_surfaces(head, rest.shape[:1], rest.expression[:1]), truth.shape)
    assert rows[2]["known_scale_mm"] < 0.8 * metrics.known_scale_errors(average, truth).mean()
    assert rows[0]["aligned_mm"] > rows[0]["known_scale_mm"] and rows[0]["scale_mean_percent"] > 0


def test_glasses_and_hats_are_broken_down(head: Head, perfect: Measured, tmp_path: Path) -> None:
    report = faces.synthetic_figures(head, perfect)
    for by in (report["by"], report["by_vertices"]):
        counts = {name: {group: row["faces"] for group, row in by[name].items()} for name in by}
        assert counts["glasses"] == {"glasses": 10, "none": 20, "sunglasses": 10}
        assert counts["hat"] == {"hat": 20, "none": 20} and counts["held before the face"] == {"nothing": 40}
    write_pool(head, tmp_path, 3)
    (tmp_path / "known" / "worn.npy").unlink()  # as in pools of before
    older = Pool(tmp_path)
    unknown = faces.worn_groups(older.take(np.arange(3))["worn"])
    assert all((group == "not known").all() for group in unknown.values())
    write_pool(head, tmp_path, 2, "newer")
    batch = Mixture([(Pool(tmp_path), 1.0)], seed=0).batch(40)
    assert {-1, 0, 1} == set(np.unique(batch["worn"]))


def test_people_are_found_again() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(12, N_SHAPE))
    held_out = np.arange(12) < 4
    good = people.people_figures(people.Pairs(codes, codes + 0.1 * rng.normal(size=codes.shape), held_out))
    assert good["in all"]["identified"] == 1 and good["in all"]["ratio"] < 0.1
    assert good["held out"]["people"] == 4 and good["held out"]["among"] == 12
    swapped = people.people_figures(people.Pairs(codes, np.roll(codes, 1, 0), held_out))
    assert swapped["in all"]["identified"] == 0 and swapped["in all"]["ratio"] > 0.9
    nobody = people.people_figures(people.Pairs(codes, codes, np.zeros(12, bool)))
    assert nobody["held out"] == {"people": 0}


def test_a_contact_sheet_shows_best_median_and_worst(perfect: Measured, pool: Pool, head: Head, tmp_path: Path) -> None:
    import cv2

    pictures.contact_sheet(head, perfect, pool, tmp_path / "sheets" / "known.png")
    sheet = cv2.imread(str(tmp_path / "sheets" / "known.png"))
    assert sheet.shape in [(rows * pictures.SIDE, pictures.COLUMNS * pictures.SIDE, 3) for rows in (3, 6)]
    marked = (sheet.astype(int) - sheet[..., 1:2]) != 0
    assert marked.any(), "points are coloured, the pictures are grey"


def test_goals_are_met_or_not() -> None:
    rising = evaluate_report.Goal("r", "r", 0.7, 0.95, rising=True)
    falling = evaluate_report.Goal("mm", "mm", 2.0, 1.2)
    assert [rising.met(v) for v in (0.96, 0.7, 0.69, None)] == ["target", "floor", "no", "not measured"]
    assert [falling.met(v) for v in (1.2, 1.9, 2.1)] == ["target", "floor", "no"]


def report(**changes: Any) -> dict[str, Any]:
    clips = {"mean_r": 0.7, "rotation_degrees": 1.0, "jitter": 2.0, "blinks_found": 1.0, "false_blinks_a_minute": 0.0}
    blinks = {"seen": 9, "found": 9, "false": 0}
    return {"weights": {"samples": 3}, "clips": {"held out": clips | {"blinks": blinks} | changes}}


def test_the_table_says_what_was_reached() -> None:
    reached = {row.measure: row.met for row in evaluate_report.goal_rows(report())}
    assert len(reached) == len(evaluate_report.GOALS)
    assert reached["clips held out: mean r within a clip"] == "no"
    assert reached["clips held out: relative rotation, degrees"] == "target"
    assert reached["clips held out: jitter / MediaPipe's"] == "no"
    assert reached["clips held out: blinks found"] == "target"
    assert reached["synthetic: mean r of the channels"] == "not measured"


def test_a_blink_or_two_prove_nothing() -> None:
    few = report(blinks={"seen": 2, "found": 2, "false": 0})
    reached = {row.measure: row.met for row in evaluate_report.goal_rows(few)}
    assert reached["clips held out: blinks found"] == "too few"


def test_everything_together(
    head: Head, pool: Pool, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From pools and the folder of faces to the files, with a regressor that always gives the same few answers."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(rendered_clips, "PEOPLE", 0)  # they have a test of their own
    (tmp_path / "skins").mkdir()
    write_pool(head, tmp_path / "pool" / "synthetic_heldout", 8, "s9999_00000")
    write_pool(head, tmp_path / "pool" / "scan_heads", 8)
    rest = np.zeros((8, int(head.regions["face"].sum()), 3))
    np.save(tmp_path / "pool" / "scan_heads" / "neutral.npy", rest + head.template[head.regions["face"]])
    figures, made = run.evaluate_all(lambda: knowing(pool), tmp_path, shared_data, limit=8)
    assert figures["synthetic"]["network"]["mean_r"] > 0.99 and figures["synthetic"]["faces"] == 8
    assert figures["portraits"]["faces"] == 8 and figures["portraits"]["network"]["landmarks_percent"] > 3
    assert figures["identity"]["network"]["in all"]["people"] == 8
    assert "clips" not in figures  # nobody asked MediaPipe
    evaluate_report.save(figures, tmp_path, made)
    text = (tmp_path / "evaluation.md").read_text()
    assert "| glasses | sunglasses | 2 |" in text and "| true points with noise of |" in text
    assert "fit to true points, noise 0.3 %" in text
    assert "| jawOpen | 1.00 | 1.00 | 0.000 |" in text and "not measured" in text
    assert all(path.is_file() and f"({path.relative_to(tmp_path)})" in text for path in made)
    assert json.loads((tmp_path / "evaluation.json").read_text())["synthetic"] == figures["synthetic"]


def test_asking_mediapipe_without_clips_says_so(tmp_path: Path) -> None:
    from face3d_live.train.data.clips import find_clips

    with pytest.raises(InputError) as caught:
        find_clips(tmp_path)
    assert caught.value.code == "data-missing"
