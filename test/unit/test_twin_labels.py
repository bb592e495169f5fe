"""Label volumes that are brought: their orientation by an asymmetric phantom, and what is said about bad ones."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from support import POINTING_DOWN
from test_twin_image import flat_body

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError, DataError, MachineError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.imaging.metaimage import row, write
from medrobot_ros.twin.anatomy import MATERIALS, Tissue, check_labels, inside_of
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.ultrasound import make

try:
    import nibabel
except ImportError:
    nibabel = None

# A module that skips itself while it is imported would end the whole collection under launch_testing's plugin and pytest 7.
pytestmark = pytest.mark.skipif(nibabel is None, reason="the extra nifti is not installed")

SPACING_MM = (4.0, 5.0, 3.0)  # along right, anterior and superior
SKIN_MM = (10.0, 60.0, -20.0)  # the point in RAS that lies at the patient frame's origin
LEFT, CRANIAL, SHALLOW = 5, 40, 7
PLACES_RAS_MM = {LEFT: (-50.0, 10.0, -20.0), CRANIAL: (10.0, 10.0, 30.0), SHALLOW: (10.0, 45.0, -20.0)}
PLACES = {LEFT: (0.06, 0.0, 0.05), CRANIAL: (0.0, 0.05, 0.05), SHALLOW: (0.0, 0.0, 0.015)}  # x, y and depth
TABLE = """0: bowel
5: blood
7: bone
40: {impedance_mrayl: 1.6, attenuation_db_per_cm_mhz: 0.5, speed_m_per_s: 1500, scatter_db: -30, structure: 0}
"""


def phantom(flips: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Balls of three labels in a volume that is stored in RAS, or with some axes the other way round; and its affine [mm]."""
    size = np.array([60, 30, 70])
    affine = np.diag((*SPACING_MM, 1.0))
    affine[:3, 3] = (-120.0, -85.0, -120.0)
    places = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1) * SPACING_MM + affine[:3, 3]
    labels = np.zeros(size, np.uint8)
    for number, center in PLACES_RAS_MM.items():
        labels[np.linalg.norm(places - center, axis=-1) < 10.0] = number
    for axis in flips:
        labels = np.flip(labels, axis)
        affine[:3, 3] += affine[:3, axis] * (size[axis] - 1)
        affine[:3, axis] *= -1.0
    return labels, affine


def write_nifti(path, labels, affine) -> str:
    image = nibabel.Nifti1Image(labels, affine)
    image.to_filename(path)
    return str(path)


def write_metaimage(path, labels, affine_ras, without: str = "-") -> str:
    affine = np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine_ras
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = (affine[:3, :3] / spacing).T
    fields = {"ElementSpacing": row(spacing), "Offset": row(affine[:3, 3]), "TransformMatrix": row(axes.ravel())}
    write(path, labels.transpose(2, 1, 0), fields)
    lines = path.read_bytes().split(b"\n", 30)
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(without.encode())))
    return str(path)


def config(labels: str, table: str, origin_mm=SKIN_MM) -> CellConfig:
    c = CellConfig()
    return replace(c, imaging=replace(c.imaging, labels=labels, materials=table, labels_origin_mm=origin_mm))


@pytest.fixture
def table(tmp_path) -> str:
    path = tmp_path / "materials.yaml"
    path.write_text(TABLE)
    return str(path)


def lps(p_ras) -> tuple[float, float, float]:
    return (-p_ras[0], -p_ras[1], p_ras[2])


@pytest.mark.parametrize(("kind", "flips"), [("nii.gz", ()), ("nii", (0,)), ("mha", ()), ("mha", (1, 2))])
def test_every_side_of_a_volume_lies_where_its_orientation_says(tmp_path, table, kind, flips):
    path = tmp_path / f"phantom.{kind}"
    file = write_metaimage(path, *phantom(flips)) if kind == "mha" else write_nifti(path, *phantom(flips))
    inside = inside_of(config(file, table, lps(SKIN_MM) if kind == "mha" else SKIN_MM), flat_body())
    grid = Grid(flat_body())
    for number, place in PLACES.items():
        found = inside.labels == 1 + sorted((0, *PLACES)).index(number)
        i, j, k = (int(np.rint(v.mean())) for v in np.nonzero(found))
        assert (grid.x[i], grid.y[j], grid.depth[k]) == pytest.approx(place, abs=0.003)
        half = 0.01 / np.array((grid.x[1] - grid.x[0], grid.y[1] - grid.y[0], grid.depth[1]))
        assert found.sum() == pytest.approx(4.0 / 3.0 * np.pi * half.prod(), rel=0.15)
    assert inside.labels[0, 0, 0] == Tissue.GEL  # beyond the volume
    assert inside.materials[0] == MATERIALS[Tissue.GEL] and inside.materials[2] == MATERIALS[Tissue.BLOOD]
    assert inside.materials[4].speed_m_per_s == 1500.0 and len(inside.materials) == 5


def test_a_brought_volume_is_what_the_image_shows(tmp_path, table):
    source = make(config(write_nifti(tmp_path / "p.nii.gz", *phantom()), table))
    grey = [source.echoes(0, pose(POINTING_DOWN, np.array([x, 0.0, -0.002])), 0.0)[60:68, 300:480].mean() for x in (0.0, -0.05)]
    assert grey[0] < grey[1] - 30.0  # the bone's shadow


def test_floats_that_are_whole_are_labels_too(tmp_path, table):
    labels, affine = phantom()
    volume, _ = check_labels(config(write_nifti(tmp_path / "f.nii", labels.astype(np.float32), affine), table))
    assert volume.voxels.dtype.kind == "i" and np.array_equal(volume.voxels, labels)


def no_code(path) -> str:
    labels, affine = phantom()
    image = nibabel.Nifti1Image(labels, affine)
    image.set_sform(affine, 0)
    image.set_qform(affine, 0)
    image.to_filename(path / "f.nii")
    return str(path / "f.nii")


BAD_FILES = [
    (lambda p: write_nifti(p / "f.nii", 0.5 * phantom()[0].astype(np.float32), np.eye(4)), "float32 with values such as 2.5"),
    (lambda p: write_nifti(p / "f.nii", phantom()[0][..., None].repeat(2, -1), np.eye(4)), "dim = 4"),
    (lambda p: write_nifti(p / "f.nii", 2 * phantom()[0], np.eye(4)), "label 10 has no material in .*materials.yaml"),
    (lambda p: write_nifti(p / "f.nii", -phantom()[0].astype(np.int16), np.eye(4)), "label -40 is below 0"),
    (no_code, "sform_code and qform_code are 0"),
    (lambda p: write_metaimage(p / "f.mha", *phantom(), without="TransformMatrix"), "TransformMatrix is missing"),
    (lambda p: write_metaimage(p / "f.mha", *phantom(), without="Offset"), "Offset|Position"),
    (lambda p: str(p / "none.nii.gz"), "not a readable NIfTI"),
    (lambda p: str(p / "f.png"), "must end in .nii, .nii.gz, .mha"),
]


@pytest.mark.parametrize(("file", "said"), BAD_FILES, ids=[said[:20] for _, said in BAD_FILES])
def test_a_bad_label_volume_is_named_with_its_field(tmp_path, table, file, said):
    with pytest.raises(DataError, match=said) as e:
        inside_of(config(file(tmp_path), table), flat_body())
    assert str(tmp_path) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0: bowel\nliver: liver\n", "label 'liver' must be a whole number"),
        ("0: bowl\n", "label 0: unknown material 'bowl'; valid: gel, skin"),
        ("0: {impedance_mrayl: 1.5}\n", "label 0: attenuation_db_per_cm_mhz must be a number, not None"),
        ("", "0 labels"),
    ],
)
def test_a_bad_table_of_materials_is_named_with_its_label(tmp_path, text, said):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DataError, match=f"m.yaml: {said}"):
        inside_of(config(write_nifti(tmp_path / "f.nii", *phantom()), str(tmp_path / "m.yaml")), flat_body())


def test_labels_and_materials_belong_together():
    with pytest.raises(ConfigError, match="belong together"):
        inside_of(config("labels.nii", ""), flat_body())


def test_without_nibabel_its_extra_is_named(tmp_path, table, monkeypatch):
    file = write_nifti(tmp_path / "f.nii", *phantom())
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(MachineError, match=r"medrobot_ros\[nifti\]"):
        inside_of(config(file, table), flat_body())
