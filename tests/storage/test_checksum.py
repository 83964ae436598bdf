import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.storage.checksum import crc32c


def test_the_check_value_of_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the value that defines the polynomial's variant


@given(st.binary(), st.binary())
def test_parts_give_the_checksum_of_the_whole(left: bytes, right: bytes) -> None:
    array = np.frombuffer(right, np.uint8)
    assert crc32c(left, memoryview(right)) == crc32c(left + right) == crc32c(bytearray(left), array)
