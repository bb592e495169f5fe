"""Images as PNG, for reports and eyes."""

from io import BytesIO

from PIL import Image as Picture

from medrobot_ros.signals import Image


def to_png(image: Image) -> bytes:
    """The image as a greyscale PNG, without loss."""
    buffer = BytesIO()
    Picture.fromarray(image.pixels).save(buffer, format="PNG")
    return buffer.getvalue()
