"""Images, plain and compressed."""

from io import BytesIO
from typing import Any

import numpy as np
import PIL.Image as PIL

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import framed_stamp
from medrobot_ros.messages.kit import Kit
from medrobot_ros.png import grey_png
from medrobot_ros.signals import Image

_PNG = "mono8; png compressed "


def encode_image(kit: Kit, row: Topic, s: Image) -> Any:
    rows, columns = s.pixels.shape
    return kit("sensor_msgs/Image", header=kit.header(s.stamp_ns, row.frame), height=rows, width=columns, encoding="mono8",
               is_bigendian=0, step=columns, data=kit.octets(s.pixels.tobytes()))  # fmt: skip


def decode_image(kit: Kit, row: Topic, m: Any) -> Image:
    stamp_ns = framed_stamp(row, m.header)
    if m.encoding != "mono8":
        raise ValueError(f"encoding '{m.encoding}' instead of 'mono8'")
    if m.step < m.width or len(m.data) != m.step * m.height:
        raise ValueError("the image's size does not fit its data")
    return Image(stamp_ns, np.frombuffer(m.data, dtype=np.uint8).reshape(m.height, m.step)[:, : m.width])


def encode_compressed(kit: Kit, row: Topic, s: Image) -> Any:
    """As image_transport's `compressed` does."""
    return kit("sensor_msgs/CompressedImage", header=kit.header(s.stamp_ns, row.frame), format=_PNG, data=kit.octets(grey_png(s.pixels)))


def decode_compressed(kit: Kit, row: Topic, m: Any) -> Image:
    stamp_ns = framed_stamp(row, m.header)
    try:
        with PIL.open(BytesIO(bytes(m.data))) as picture:
            if picture.mode != "L":
                raise ValueError(f"pixels '{picture.mode}' instead of 'L'")
            return Image(stamp_ns, np.asarray(picture))
    except OSError as e:
        raise ValueError(f"no image: {e}") from None
