"""Reads from a running PostgreSQL 15 what its catalog says of itself: oids and names of built-in relations,
functions, operators, casts and operator classes; and from one with pgvector the same of that extension.

    python .ci/catalog_facts.py DSN_OF_POSTGRESQL_15 DSN_WITH_PGVECTOR

writes sqlvec/catalog/system/facts/*.tsv: a line of names, then a line an object, tabs between fields, \\N for
NULL as COPY has it. System tables show those objects of the files that the server has.
Oids of the extension's objects differ from one installation to the next; here they follow from the order in
which the objects were first listed, and objects listed before keep theirs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

FACTS = Path(__file__).resolve().parents[1] / "sqlvec" / "catalog" / "system" / "facts"
EXTENSION_OID = 16_500
_TYPES = """CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END || ':' ||
  CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE -1 END"""
_DESCRIPTION = "(SELECT description FROM pg_description d WHERE d.objoid = x.oid AND d.classoid = '{}'::regclass AND objsubid = 0)"
_FLAGS = """prokind::text || provolatile::text || proparallel::text || CASE WHEN proisstrict THEN 's' ELSE '-' END ||
  CASE WHEN proretset THEN 'r' ELSE '-' END || CASE WHEN proleakproof THEN 'l' ELSE '-' END"""
QUERIES = {
    "relations": f"""SELECT n.nspname AS schema, relname AS name, c.oid, relkind AS kind, relisshared AS shared,
  (SELECT string_agg(attname || ':' || {_TYPES} || ':' || CASE WHEN attnotnull THEN 'n' ELSE '' END, ' ' ORDER BY attnum)
   FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = c.oid AND attnum > 0) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'v')
  AND nspname IN ('pg_catalog', 'information_schema') ORDER BY 1 DESC, c.oid""",
    "types": f"SELECT oid, typname AS name, {_DESCRIPTION.format('pg_type')} AS description FROM pg_type x WHERE oid < 10000 AND typtype <> 'c' AND typname NOT LIKE '\\_%' ORDER BY 1",
    "functions": f"""SELECT oid, proname AS name, {_FLAGS} AS flags, prorettype AS result, proargtypes AS arguments,
  procost AS cost, prorows AS rows, provariadic AS variadic, pronargdefaults AS defaults, proargnames AS names,
  proargmodes AS modes, proallargtypes AS all_arguments, prolang AS language, prosrc AS source,
  {_DESCRIPTION.format('pg_proc')} AS description FROM pg_proc x WHERE oid < 10000 ORDER BY 1""",
    "operators": f"""SELECT oid, oprname AS name, oprkind AS kind, oprleft AS left, oprright AS right, oprresult AS result,
  oprcanmerge AS merges, oprcanhash AS hashes, oprcom AS commutator, oprnegate AS negator, oprcode::oid AS code,
  oprrest::oid AS restriction, oprjoin::oid AS join, {_DESCRIPTION.format('pg_operator')} AS description
  FROM pg_operator x WHERE oid < 10000 ORDER BY 1""",
    "casts": """SELECT castsource AS source, casttarget AS target, castfunc AS function, castcontext AS context,
  castmethod AS method, oid FROM pg_cast WHERE oid < 12000 ORDER BY oid""",
    "methods": f"SELECT oid, amname AS name, amhandler::oid AS handler, amtype AS kind, {_DESCRIPTION.format('pg_am')} AS description FROM pg_am x ORDER BY 1",
    "operator_families": "SELECT oid, opfmethod AS method, opfname AS name FROM pg_opfamily ORDER BY 1",
    "operator_classes": """SELECT oid, opcmethod AS method, opcname AS name, opcfamily AS family, opcintype AS type,
  opcdefault AS default, opckeytype AS key_type FROM pg_opclass ORDER BY 1""",
    "family_operators": """SELECT oid, amopfamily AS family, amoplefttype AS left, amoprighttype AS right,
  amopstrategy AS strategy, amoppurpose AS purpose, amopopr AS operator, amopsortfamily AS sort_family FROM pg_amop ORDER BY 2, 5, 3, 4""",
    "family_functions": """SELECT oid, amprocfamily AS family, amproclefttype AS left, amprocrighttype AS right,
  amprocnum AS number, amproc::oid AS function FROM pg_amproc ORDER BY 2, 5, 3, 4""",
    "languages": f"SELECT oid, lanname AS name, lanispl AS procedural, lanpltrusted AS trusted, {_DESCRIPTION.format('pg_language')} AS description FROM pg_language x WHERE lanname IN ('internal', 'c', 'sql') ORDER BY 1",
    "roles": "SELECT oid, rolname AS name FROM pg_roles WHERE oid < 10000 AND oid > 10 ORDER BY 1",
    "keywords": "SELECT word, catcode, barelabel, catdesc, baredesc FROM pg_get_keywords()",
}  # fmt: skip
# Of an extension by name, since its oids are not known beforehand.
_OURS = "EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = refobjid WHERE d.classid = '{0}'::regclass AND d.objid = x.oid AND d.deptype = 'e' AND extname = 'vector')"
EXTENSION = {
    "extension_functions": f"""SELECT proname AS name, {_FLAGS} AS flags, format_type(prorettype, NULL) AS result,
  (SELECT coalesce(string_agg(format_type(t, NULL), ',' ORDER BY n), '') FROM unnest(proargtypes) WITH ORDINALITY u(t, n)) AS arguments,
  procost AS cost, prosrc AS source FROM pg_proc x WHERE {_OURS.format('pg_proc')} ORDER BY x.oid""",
    "extension_operators": f"""SELECT oprname AS name, format_type(oprleft, NULL) AS left, format_type(oprright, NULL) AS right,
  format_type(oprresult, NULL) AS result, oprcode AS code, (SELECT oprname FROM pg_operator o WHERE o.oid = x.oprcom) AS commutator,
  (SELECT oprname FROM pg_operator o WHERE o.oid = x.oprnegate) AS negator, oprrest AS restriction, oprjoin AS join
  FROM pg_operator x WHERE {_OURS.format('pg_operator')} ORDER BY x.oid""",
    "extension_casts": f"""SELECT format_type(castsource, NULL) AS source, format_type(casttarget, NULL) AS target,
  (SELECT proname FROM pg_proc p WHERE p.oid = castfunc) AS function, castcontext AS context, castmethod AS method
  FROM pg_cast x WHERE {_OURS.format('pg_cast')} ORDER BY x.oid""",
    "extension_classes": f"""SELECT (SELECT amname FROM pg_am WHERE oid = opcmethod) AS method, opcname AS name,
  format_type(opcintype, NULL) AS type, opcdefault AS default, format_type(NULLIF(opckeytype, 0), NULL) AS key_type,
  (SELECT string_agg(amopstrategy || ' ' || oprname || ' ' || amoppurpose::text, ',' ORDER BY amopstrategy) FROM pg_amop a
   JOIN pg_operator o ON o.oid = amopopr WHERE amopfamily = opcfamily) AS operators,
  (SELECT string_agg(amprocnum || ' ' || proname, ',' ORDER BY amprocnum) FROM pg_amproc a
   JOIN pg_proc p ON p.oid = amproc WHERE amprocfamily = opcfamily) AS functions
  FROM pg_opclass x WHERE {_OURS.format('pg_opclass')} ORDER BY x.oid""",
}  # fmt: skip


def main(postgresql: str, with_pgvector: str) -> None:
    with psycopg.connect(postgresql) as connection:
        for name, query in QUERIES.items():
            _write(name, *_read(connection, query))
    with psycopg.connect(with_pgvector) as connection:
        for name, query in EXTENSION.items():
            _write_extension(name, *_read(connection, query))


def _read(connection: psycopg.Connection, query: str) -> tuple[str, list[str]]:
    with connection.cursor() as cursor:
        names = "\t".join(c.name for c in cursor.execute(query).description or ())
        with cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
            text = b"".join(bytes(part) for part in copy).decode()
    return names, text.splitlines()


def _write(name: str, header: str, lines: list[str]) -> None:
    (FACTS / f"{name}.tsv").write_text("\n".join([header, *lines]) + "\n")


def _write_extension(name: str, header: str, lines: list[str]) -> None:
    """Each line with the oid it has, or the next one: a range of 500 a file."""
    path = FACTS / f"{name}.tsv"
    before = path.read_text().splitlines()[1:] if path.exists() else []
    oids = {line.partition("\t")[2]: int(line.partition("\t")[0]) for line in before}
    following = EXTENSION_OID + 500 * list(EXTENSION).index(name)
    following = max([following, *(oid + 1 for oid in oids.values())])
    for line in lines:
        if line not in oids:
            oids[line] = following
            following += 1
    _write(name, "oid\t" + header, [f"{oid}\t{line}" for line, oid in oids.items()])


if __name__ == "__main__":
    main(*sys.argv[1:])
