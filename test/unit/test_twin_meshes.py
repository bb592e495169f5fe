"""Surface meshes that are brought as anatomy: filled truly, laid the right way round, and what is said about bad ones."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from support import POINTING_DOWN
from test_twin_image import flat_body

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError, DataError
from medrobot_ros.geometry.pose import pose
from medrobot_ros.twin.anatomy import MATERIALS, Tissue, inside_of
from medrobot_ros.twin.anatomy.grid import Grid
from medrobot_ros.twin.anatomy.mesh_files import inside_of_surface
from medrobot_ros.twin.ultrasound import make

SKIN_RAS_MM = np.array([10.0, 60.0, -20.0])  # the point that lies at the patient frame's origin
LEFT, CRANIAL, SHALLOW = (-50.0, 10.0, -20.0), (10.0, 10.0, 30.0), (10.0, 45.0, -20.0)
PLACES = ((0.06, 0.0, 0.05), (0.0, 0.05, 0.05), (0.0, 0.0, 0.015))  # of the three: x, y and depth
LPS = np.array([-1.0, -1.0, 1.0])
LIST = """world: {world}
around: bowel
meshes:
  - {{file: left.stl, material: blood}}
  - {{file: cranial.ply, material: bone}}
  - file: shallow.obj
    material: {{impedance_mrayl: 1.6, attenuation_db_per_cm_mhz: 9, speed_m_per_s: 1500, scatter_db: -30, structure: 0}}
"""


def ball(center, radius: float = 10.0) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=4, radius=radius).apply_translation(center)


def write(folder, world: str = "RAS", text: str = LIST) -> str:
    turn = LPS if world == "LPS" else 1.0
    for name, center in (("left.stl", LEFT), ("cranial.ply", CRANIAL), ("shallow.obj", SHALLOW)):
        ball(center * np.asarray(turn)).export(folder / name)
    (folder / "anatomy.yaml").write_text(text.format(world=world))
    return str(folder / "anatomy.yaml")


def config(labels: str, world: str = "RAS", materials: str = "") -> CellConfig:
    c = CellConfig()
    origin_mm = SKIN_RAS_MM * (LPS if world == "LPS" else 1.0)
    return replace(c, imaging=replace(c.imaging, labels=labels, materials=materials, labels_origin_mm=tuple(origin_mm)))


@pytest.mark.parametrize("world", ["RAS", "LPS"])
def test_every_mesh_lies_where_its_world_says_and_is_full(tmp_path, world):
    inside = inside_of(config(write(tmp_path, world), world), flat_body())
    grid = Grid(flat_body())
    for number, place in enumerate(PLACES, 2):  # after gel and what is around
        found = inside.labels == number
        i, j, k = (int(np.rint(v.mean())) for v in np.nonzero(found))
        assert (grid.x[i], grid.y[j], grid.depth[k]) == pytest.approx(place, abs=0.002)
        voxel = (grid.x[1] - grid.x[0]) * (grid.y[1] - grid.y[0]) * grid.depth[1]
        assert found.sum() * voxel == pytest.approx(4.0 / 3.0 * np.pi * 0.01**3, rel=0.03)
    assert inside.labels[0, 0, 0] == 1 and inside.materials[1] == MATERIALS[Tissue.BOWEL]  # around, beyond the meshes' own box as well
    assert inside.materials[3] == MATERIALS[Tissue.BONE] and inside.materials[4].attenuation_db_per_cm_mhz == 9.0


def test_a_later_mesh_takes_the_place_of_an_earlier_one(tmp_path):
    text = LIST.replace("cranial.ply", "within.stl")
    ball(LEFT, 4.0).export(tmp_path / "within.stl")
    labels = inside_of(config(write(tmp_path, text=text)), flat_body()).labels
    assert (labels == 3).sum() == pytest.approx((labels == 2).sum() * 4.0**3 / (10.0**3 - 4.0**3), rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_surface_is_filled_as_its_own_volume_says(seed):
    """Round numbers put vertices and edges on the lines that are followed; a torus is crossed up to four times."""
    rng = np.random.default_rng(seed)
    box = trimesh.creation.box((10, 8, 6)).apply_translation((12, 11, 10))
    assert inside_of_surface(box.triangles, (24, 22, 20)).sum() == 10 * 8 * 6
    torus = trimesh.creation.torus(16.0, 6.0, 64, 48).apply_transform(trimesh.transformations.random_rotation_matrix(rng.random(3)))
    torus.apply_translation((26, 26, 26))
    filled = inside_of_surface(torus.triangles, (52, 52, 52))
    assert filled.sum() == pytest.approx(torus.volume, rel=0.01)
    assert not filled[26, 26, 26] and not filled[0].any() and not filled[:, :, -1].any()


def test_meshes_are_what_the_image_shows(tmp_path):
    source = make(config(write(tmp_path, text=LIST.replace("left.stl, material: blood", "left.stl, material: stone"))))
    grey = [source.echoes(0, pose(POINTING_DOWN, np.array([x, 0.0, -0.002])), 0.0)[60:68, 300:480].mean() for x in (0.06, -0.05)]
    assert grey[0] < grey[1] - 30.0  # the stone's shadow


def open_surface(folder) -> str:
    mesh = ball(LEFT)
    mesh.update_faces(np.arange(len(mesh.faces)) > 3)
    file = write(folder)
    mesh.export(folder / "left.stl")
    return file


BAD = [
    (lambda p: write(p, text="world: RAS\nmeshes: []\n"), "anatomy.yaml: must hold world, around, meshes"),
    (lambda p: write(p, text=LIST.replace("{world}", "RSA")), "anatomy.yaml: world = 'RSA': must be RAS or LPS"),
    (lambda p: write(p, text="world: RAS\naround: bowel\nmeshes: []\n"), "meshes must be a list of one or more"),
    (lambda p: write(p, text=LIST.replace("material: bone", "colour: white")), "mesh 2: must hold file, material"),
    (lambda p: write(p, text=LIST.replace("material: bone", "material: bon")), "mesh 2: unknown material 'bon'; valid: gel, skin"),
    (lambda p: write(p, text=LIST.replace("around: bowel", "around: {{speed_m_per_s: 1}}")), "around: impedance_mrayl must be a number"),
    (lambda p: write(p, text=LIST.replace("left.stl", "none.stl")), "none.stl: not a readable mesh"),
    (open_surface, "left.stl: the mesh has holes"),
]


@pytest.mark.parametrize(("file", "said"), BAD, ids=[said[:30] for _, said in BAD])
def test_a_bad_list_is_named_with_its_field(tmp_path, file, said):
    with pytest.raises(DataError, match=said) as e:
        inside_of(config(file(tmp_path)), flat_body())
    assert str(tmp_path) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(("radius", "said"), [(5000.0, "are they in millimetres"), (0.01, "mesh 1 holds no voxel of 1 mm")])
def test_meshes_in_another_unit_are_told(tmp_path, radius, said):
    ball(np.add(LEFT, 0.4), radius).export(tmp_path / "other.stl")
    with pytest.raises(DataError, match=said):
        inside_of(config(write(tmp_path, text=LIST.replace("left.stl", "other.stl"))), flat_body())


def test_a_list_needs_no_table_of_materials(tmp_path):
    with pytest.raises(ConfigError, match=r"names the material of each mesh itself"):
        inside_of(config(write(tmp_path), materials="m.yaml"), flat_body())
