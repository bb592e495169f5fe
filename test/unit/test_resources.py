"""Where packaged data is found."""

from pathlib import Path

import pytest

import medrobot_ros
from medrobot_ros import resources
from medrobot_ros.errors import MachineError


def test_data_beside_the_source_wins() -> None:
    beside = Path(medrobot_ros.__file__).resolve().parent.parent
    assert resources.share("config/arms") == beside / "config" / "arms"


def test_installed_data_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = tmp_path / "share" / "medrobot_ros" / "config"
    installed.mkdir(parents=True)
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "lib" / "medrobot_ros" / "resources.py"))
    monkeypatch.setattr(resources.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(resources, "_ament_share", list)
    assert resources.share("config") == installed


def test_missing_data_names_where_it_looked() -> None:
    with pytest.raises(MachineError, match=r"config/nowhere.*share/medrobot_ros"):
        resources.share("config/nowhere")
