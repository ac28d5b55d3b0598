"""image_folder(cache=...): more photos than fit into memory, read once."""

import json
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import transfer_course as tc
from transfer_course.datasets import folder as folder_module
from transfer_course.datasets.mapped import MappedImages


def save(file, color, size=(24, 24)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(file)


@pytest.fixture
def photos(tmp_path):
    """Two classes of five images, each of another colour."""
    for i in range(5):
        save(tmp_path / f"photos/cat/{i}.png", (200, 10 * i, 0))
        save(tmp_path / f"photos/dog/{i}.png", (0, 10 * i, 200))
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "photos.npy"


@pytest.fixture
def read(monkeypatch):
    """The files that were read, in the order in which that began."""
    files, original = [], folder_module.read_photo

    def spy(file, *settings):
        files.append(f"{file.parent.name}/{file.name}")
        return original(file, *settings)

    monkeypatch.setattr(folder_module, "read_photo", spy)
    return files


def assert_same(one, other):
    np.testing.assert_array_equal(np.asarray(one.images), np.asarray(other.images))
    assert one.labels.tolist() == other.labels.tolist()
    assert one.class_names == other.class_names


def test_the_cache_gives_what_the_files_give(photos, cache, read):
    plain = tc.datasets.image_folder(photos, 32)
    for _ in range(2):
        cached = tc.datasets.image_folder(photos, 32, cache=cache)
        assert_same(cached, plain)
        assert isinstance(cached.images, MappedImages)
    assert len(read) == 20  # ten without a cache, ten with a new one, none afterwards
    np.testing.assert_array_equal(np.load(cache), plain.images)


def test_only_what_has_changed_is_read_again(photos, cache, read):
    before = tc.datasets.image_folder(photos, 32, cache=cache)
    save(photos / "cat/2.png", (1, 2, 3))
    save(photos / "bat/new.png", (4, 5, 6))
    (photos / "dog/0.png").unlink()
    (photos / "dog/1.png").rename(photos / "dog/z.png")
    read.clear()
    after = tc.datasets.image_folder(photos, 32, cache=str(cache))
    assert sorted(read) == ["bat/new.png", "cat/2.png", "dog/z.png"]
    assert_same(after, tc.datasets.image_folder(photos, 32))
    assert np.asarray(before.images)[:, 0, 0, 1].tolist() == [0, 10, 20, 30, 40] * 2  # as it was


def test_a_photo_that_was_changed_within_a_second_is_noticed(photos, cache):
    tc.datasets.image_folder(photos, 32, cache=cache)
    file = photos / "cat/2.png"
    size, time = file.stat().st_size, file.stat().st_mtime_ns
    file.write_bytes((photos / "dog/2.png").read_bytes().ljust(size, b"\0")[:size])
    os.utime(file, ns=(time + 1000, time + 1000))
    (photos / "dog/2.png").unlink()
    assert_same(
        tc.datasets.image_folder(photos, 32, cache=cache), tc.datasets.image_folder(photos, 32)
    )


@pytest.mark.parametrize("other", [{"image_size": 16}, {"fit": "pad"}])
def test_other_settings_read_everything_again(photos, cache, other):
    save(photos / "cat/wide.png", (9, 9, 9), (60, 20))
    tc.datasets.image_folder(photos, cache=cache, **{"image_size": 32} | other)
    plain = tc.datasets.image_folder(photos, 32)
    assert_same(tc.datasets.image_folder(photos, 32, cache=cache), plain)


def test_another_folder_does_not_get_these_images(photos, cache, tmp_path):
    tc.datasets.image_folder(photos, 32, cache=cache)
    for name in ("cat", "dog"):
        for i in range(5):
            file = tmp_path / f"others/{name}/{i}.png"
            save(file, (7, i, ord(name[0])))
            status = (photos / name / file.name).stat()
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    others = tc.datasets.image_folder(tmp_path / "others", 32)
    assert_same(tc.datasets.image_folder(tmp_path / "others", 32, cache=cache), others)


def test_what_was_read_before_an_error_is_kept(photos, cache, read):
    broken = photos / "dog/3.png"
    content = broken.read_bytes()
    broken.write_bytes(b"")
    with pytest.raises(ValueError, match=r"3\.png cannot be read as an image"):
        tc.datasets.image_folder(photos, 32, cache=cache)
    broken.write_bytes(content)
    read.clear()
    dataset = tc.datasets.image_folder(photos, 32, cache=cache)
    assert read == ["dog/3.png", "dog/4.png"]
    assert_same(dataset, tc.datasets.image_folder(photos, 32))


def test_an_error_does_not_cost_what_an_earlier_call_has_read(photos, cache, read):
    tc.datasets.image_folder(photos, 32, cache=cache)
    (photos / "cat/0.png").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"0\.png cannot be read as an image"):
            tc.datasets.image_folder(photos, 32, cache=cache)
    save(photos / "cat/0.png", (3, 3, 3))
    read.clear()
    tc.datasets.image_folder(photos, 32, cache=cache)
    assert read == ["cat/0.png"]


def test_broken_images_and_copies_are_left_out_with_and_without_a_cache(photos, cache, read):
    (photos / "cat/1.png").write_bytes(b"broken")
    save(photos / "dog/copy.png", (0, 10, 200))
    for _ in range(2):
        with pytest.warns(UserWarning) as warned:
            cached = tc.datasets.image_folder(photos, 32, errors="skip", cache=cache)
        with pytest.warns(UserWarning) as warned_plainly:
            plain = tc.datasets.image_folder(photos, 32, errors="skip")
        assert_same(cached, plain)
        assert [str(it.message) for it in warned] == [str(it.message) for it in warned_plainly]
    assert len(read) == 3 * 11  # the second call with the cache read nothing, not even the broken
    with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
        tc.datasets.image_folder(photos, 32, cache=cache)


def test_a_damaged_index_is_read_over(photos, cache):
    plain = tc.datasets.image_folder(photos, 32)
    tc.datasets.image_folder(photos, 32, cache=cache)
    index = cache.with_name("photos.npy.json")
    for content in ("{", "[]", json.dumps({"settings": 1})):
        index.write_text(content, encoding="utf-8")
        assert_same(tc.datasets.image_folder(photos, 32, cache=cache), plain)


def test_a_cache_that_was_exchanged_is_not_believed(photos, cache):
    plain = tc.datasets.image_folder(photos, 32)
    tc.datasets.image_folder(photos, 32, cache=cache)
    np.save(cache, np.zeros((10, 32, 32, 3), np.uint8))
    assert_same(tc.datasets.image_folder(photos, 32, cache=cache), plain)


def test_another_file_of_that_name_is_left_alone(photos, cache):
    np.save(cache, np.arange(3))
    with pytest.raises(ValueError, match=r"photos\.npy is there already, and is not a cache"):
        tc.datasets.image_folder(photos, cache=cache)
    assert np.load(cache).tolist() == [0, 1, 2]


def test_names_and_places_that_cannot_be_a_cache(photos, tmp_path):
    with pytest.raises(ValueError, match=r"cache='photos.txt' does not end with \.npy: name it"):
        tc.datasets.image_folder(photos, cache="photos.txt")
    with pytest.raises(TypeError, match=r"cache=True is not a path: give a name such as"):
        tc.datasets.image_folder(photos, cache=True)
    with pytest.raises(FileNotFoundError, match=r"a\.npy cannot be written \(No such file"):
        tc.datasets.image_folder(photos, cache=tmp_path / "gone" / "a.npy")


@pytest.fixture
def mapped(tmp_path):
    """600 images of 224 pixels, 90 MB, in two classes: a number each."""
    images = np.zeros((600, 224, 224, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(600) % 256
    images[:, 0, 0, 1] = np.arange(600) // 256
    np.save(tmp_path / "all.npy", images)
    return np.load(tmp_path / "all.npy", mmap_mode="r")


def numbers(images):
    corner = np.asarray(images[:, 0, 0, :2]).astype(int)
    return (corner[:, 0] + 256 * corner[:, 1]).tolist()


def test_a_mapped_file_is_indexed_like_an_array(mapped):
    images, array = MappedImages(mapped), np.asarray(mapped)
    mask = np.arange(600) % 7 == 0
    for index in (
        *(5, -1, slice(3, 9), slice(None, None, 100), [4, 2, 2], mask, np.array([9])),
        *((3, 0, 0), (slice(2, 5), 0), ([1, 2], ..., 0), (Ellipsis, 0), None, Ellipsis),
    ):
        np.testing.assert_array_equal(images[index], array[index])
    assert (len(images), images.shape, images.dtype, images.ndim) == (600, array.shape, "uint8", 4)
    with pytest.raises(IndexError):
        images[600]


def test_draws_and_subsets_of_a_mapped_file(mapped):
    labels = np.arange(600) % 2
    dataset = tc.Dataset(mapped, labels, ("even", "odd"))
    train, test = tc.few_shot(dataset, shots=5)
    assert isinstance(train.images, np.ndarray)  # few enough for the memory
    assert isinstance(test.images, MappedImages)
    in_memory = tc.Dataset(np.asarray(mapped), labels, ("even", "odd"))
    for ours, theirs in zip((train, test), tc.few_shot(in_memory, shots=5), strict=True):
        assert numbers(ours.images) == numbers(theirs.images)
    assert numbers(test.subset(slice(1, 4)).images) == numbers(test.images)[1:4]
    with pytest.raises(IndexError):
        dataset.subset([600])


def test_groups_of_a_mapped_file(mapped):
    groups = np.arange(600) // 20
    dataset = tc.Dataset(mapped, np.arange(600) % 2, ("even", "odd"), groups)
    train, test = tc.few_shot(dataset, shots=50)
    most = dataset.subset(slice(None, 500))
    assert isinstance(most.images, MappedImages)
    for part in (train, test, most, most.subset([499, 3])):
        assert part.groups.tolist() == groups[numbers(part.images)].tolist()
    assert not set(train.groups) & set(test.groups)


def test_a_test_set_on_the_disk_is_never_copied(keras, mapped):
    """Tracked is what NumPy allocates; the file itself is not in it."""
    layers = keras.layers
    backbone = keras.Sequential([keras.Input((224, 224, 3)), layers.GlobalAveragePooling2D()])
    stranger = keras.Sequential([backbone, layers.Dense(2, activation="softmax")])
    dataset = tc.Dataset(mapped, np.arange(600) % 2, ("even", "odd"))
    tracemalloc.start()
    try:
        tc.compare([tc.feature_reuse], backbone, dataset, shots=[5], episodes=1)
        _, test = tc.few_shot(dataset, shots=5)
        tc.accuracy(stranger, test)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mapped.nbytes / 3


def test_another_process_gets_the_file_and_not_its_content(mapped):
    part = MappedImages(mapped).subset(slice(10, 590))
    assert isinstance(part, MappedImages)
    packed = pickle.dumps(part)
    assert len(packed) < 10_000
    np.testing.assert_array_equal(pickle.loads(packed)[:3], mapped[10:13])


def test_a_mapped_file_in_the_order_of_fortran_reaches_another_process(tmp_path):
    images = np.arange(2 * 3 * 4 * 3, dtype="uint8").reshape(2, 3, 4, 3)
    np.save(tmp_path / "images.npy", np.asfortranarray(images))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    dataset = pickle.loads(pickle.dumps(tc.Dataset(mapped, [0, 1], ("cat", "dog"))))
    assert isinstance(dataset.images, MappedImages)
    np.testing.assert_array_equal(dataset.images, images)
