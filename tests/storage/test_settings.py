from dataclasses import fields

from sqlvec.storage.settings import StorageSettings


def test_every_limit_is_positive_and_strings_stay_within_their_offsets() -> None:
    settings = StorageSettings()
    off = ("retention_us", "index_memory_limit_bytes")  # 0 is for none
    values = [getattr(settings, field.name) for field in fields(settings) if field.name not in off]
    assert all(value > 0 for value in values if not isinstance(value, str))
    assert settings.block_bytes_max < 2**31
    assert settings.memtable_bytes_max < settings.wal_bytes_max
