import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.storage.visibility import ABORTED, LIVE, UNCOMMITTED, RowTimes


def test_rows_are_seen_from_their_begin_to_their_end() -> None:
    times = RowTimes()
    times.append(3)
    assert times.visible(10).count == 0
    times.begin(0, 2, 5)
    times.abort(2, 3)
    times.end(np.array([1]), 7)
    seen = {seqno: times.visible(seqno).ids().tolist() for seqno in (4, 5, 6, 7, 8)}
    assert seen == {4: [], 5: [0, 1], 6: [0, 1], 7: [0], 8: [0]}
    assert times.sees(1, 6) and not times.sees(1, 7) and not times.sees(2, 100)


def test_a_row_set_that_was_given_out_does_not_change() -> None:
    times = RowTimes()
    times.append(2)
    times.begin(0, 2, 1)
    before = times.visible(1)
    assert times.visible(1) is before
    times.end(np.array([0]), 2)
    times.append(1)
    assert before.ids().tolist() == [0, 1] and before.row_count == 2
    assert times.visible(1).ids().tolist() == [0, 1] and times.visible(1).row_count == 3


def test_the_three_marks_are_beyond_every_seqno() -> None:
    assert ABORTED < UNCOMMITTED == LIVE == np.iinfo(np.int64).max


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 9), st.sampled_from([UNCOMMITTED, ABORTED])),
            st.one_of(st.integers(1, 9), st.just(LIVE)),
        ),
        max_size=200,
    ),
    st.integers(0, 10),
)
def test_loaded_times_agree_with_the_definition(rows: list[tuple[int, int]], seqno: int) -> None:
    begins = np.array([begin for begin, _ in rows], np.int64)
    ends = np.array([end for _, end in rows], np.int64)
    ends = np.where(begins < ABORTED, np.maximum(begins, ends), LIVE)
    times = RowTimes(begins, ends)
    expected = [i for i in range(len(rows)) if begins[i] <= seqno < ends[i]]
    assert times.visible(seqno).ids().tolist() == expected
