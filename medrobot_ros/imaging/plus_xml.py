"""PLUS's configuration files (XML): parsing them, and reading the numbers in them, with errors that name the file and the element."""

from math import isfinite
from pathlib import Path
from xml.etree import ElementTree

from medrobot_ros.errors import DataError

MAX_BYTES = 1 << 22


def parse(path: Path) -> ElementTree.Element:
    """The root element. Raises: DataError."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({e.strerror})") from None
    if len(data) > MAX_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"{path}: not a plain PLUS configuration (it is huge, or declares a document type)")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as e:
        raise DataError(f"{path}: not XML ({e})") from None


def numbers(path: Path, element: ElementTree.Element, name: str, count: int) -> tuple[float, ...]:
    """So many finite numbers of an attribute. Raises: DataError."""
    text = element.get(name)
    if text is None:
        raise DataError(f"{path}: <{element.tag}> has no {name}")
    try:
        values = tuple(float(t) for t in text.split())
    except ValueError:
        values = ()
    if len(values) != count or not all(isfinite(v) for v in values):
        raise DataError(f"{path}: {name} of <{element.tag}> must be {count} finite numbers")
    return values


def choice(path: Path, element: ElementTree.Element, name: str, valid: tuple[str, ...], default: str | None = None) -> str:
    """An attribute that is one of a few words. Raises: DataError."""
    value = element.get(name, default)
    if value not in valid:
        raise DataError(f"{path}: {name} of <{element.tag}> is {value}: must be one of {', '.join(valid)}")
    return value
