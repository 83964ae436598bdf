import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.storage.growing import clear_ids, grown, mask_of_words, set_bits, words_of_mask


def test_a_grown_array_keeps_its_head_and_leaves_the_old_one_alone() -> None:
    old = np.arange(4)
    new = grown(old, 3, 5)
    assert new[:4].tolist() == [0, 1, 2, 0] and len(new) >= 64
    new[0] = 9
    assert old[0] == 0
    assert grown(new, 5, 10) is new


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 40))
def test_bits_of_a_range(low: int, length: int, spare: int) -> None:
    high = low + length
    words = np.zeros((high + spare + 63) // 64, np.uint64)
    set_bits(words, low, high)
    expected = np.zeros(high + spare, np.bool_)
    expected[low:high] = True
    np.testing.assert_array_equal(words_of_mask(expected), words)


@given(st.lists(st.booleans(), max_size=300), st.data())
def test_masks_and_words(bits: list[bool], data: st.DataObject) -> None:
    mask = np.array(bits, np.bool_)
    words = words_of_mask(mask)
    low = data.draw(st.integers(0, len(bits)))
    high = data.draw(st.integers(low, len(bits)))
    assert mask_of_words(words, low, high).tolist() == bits[low:high]
    ids = np.flatnonzero(mask).astype(np.int64)[::2]
    clear_ids(words, ids)
    mask[ids] = False
    np.testing.assert_array_equal(words, words_of_mask(mask))
