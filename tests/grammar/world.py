"""What stands for the names and constants of the grammar: things of grammar/world.sql."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st


def _one(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split())


COLUMNS = "id title body lang year price score published live tags meta embedding d.id d.title"
SENTENCE: Mapping[str, st.SearchStrategy[str]] = {
    "NAME": _one("docs notes id title stars note d n x s docs_pkey"),
    "relation_name": _one("docs notes x"),
    "column": _one(COLUMNS + " doc_id stars note excluded.id"),
    "function_name": _one("lower count sum avg max abs length coalesce_ now rank generate_series"),
    "FUNCTION": _one("lower count sum abs"),
    "BARE_LABEL": _one("a b total"),
    "LABEL": _one("a b select"),
    "type": _one("integer bigint text boolean numeric date interval vector(3) int[] jsonb varchar(3)"),
    "type_word": _one("integer text date interval"),
    "QUOTED": st.just('"Odd"'),
    "INTEGER": _one("0 1 2 17"),
    "NUMBER": _one("1.5 .5 1e3"),
    "STRING": _one("'a' '' '1' '2024-02-29' '[1,2,3]' '{1,2}' 'true'"),
    "BITS": _one("B'101' X'1f'"),
    "PARAMETER": _one("$1 $2"),
    "OTHER_OPERATOR": _one("<-> <=> <#> <+> <@> @@@ || -> ->> @> && ~ ~~ & | # << ^@ <~>"),
    "PREFIX_OPERATOR": _one("~ @"),
    "tenant_name": st.just("'acme'"),
    "body_text": st.sampled_from(["'SELECT 1'", "$$ SELECT id FROM docs $$", "$$ DELETE FROM notes RETURNING note $$"]),
    "block_text": st.sampled_from(["$$ BEGIN NULL; END $$", "'BEGIN PERFORM 1; END'", "$$ BEGIN RAISE 'x'; END $$"]),
    "language_option": st.sampled_from(["LANGUAGE sql", "LANGUAGE plpgsql", "LANGUAGE docs"]),
}
