"""Apache Superset over databases that hold superset_world.sql: what its API answers for each, as JSON.

    superset_program.py DIRECTORY URI...

The application runs in this process, its metadata in SQLite below DIRECTORY, and is asked as its browser side
asks it, through Flask's test client. The last line printed is a list with one object for each URI:
what was asked -> what was answered.
"""

import io
import json
import logging
import os
import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

from superset_asked import CHARTS, DATASETS, QUERIES, TABLES

CONFIG = """
SECRET_KEY = "of no use to anyone, since it is known to everyone"
SQLALCHEMY_DATABASE_URI = "sqlite:///{directory}/superset.db"
DATA_DIR = "{directory}"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
"""
CSV = "id,name,price,day,ok\n1,one,1.5,2024-01-01,true\n2,\"two, or 2\",,2024-02-29,false\n3,drei'%,3e10,,true\n"


class Superset:
    """A new installation, and the user who made it."""

    def __init__(self, directory):
        path = Path(directory) / "superset_config.py"
        path.write_text(CONFIG.format(directory=directory))
        os.environ["SUPERSET_CONFIG_PATH"] = str(path)
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from superset.app import create_app

        @event.listens_for(Engine, "connect")
        def forget(connection, _):
            if isinstance(connection, sqlite3.Connection):
                connection.execute("PRAGMA synchronous = off")

        app = create_app()
        logging.disable(logging.ERROR)
        with app.app_context():
            from flask_appbuilder import Model
            from superset.extensions import appbuilder, db

            db.create_all()
            Model.metadata.create_all(db.engine)
            appbuilder.add_permissions(update_perms=True)
            security = appbuilder.sm
            security.sync_role_definitions()
            security.add_user("admin", "A", "B", "a@b.c", security.find_role("Admin"), "secret")
        self.client = app.test_client()
        login = {"username": "admin", "password": "secret", "provider": "db"}
        token = self.post("security/login", login)["access_token"]
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def get(self, path):
        return self._answer(self.client.get(f"/api/v1/{path}"))

    def post(self, path, body):
        return self._answer(self.client.post(f"/api/v1/{path}", json=body))

    def put(self, path, body):
        return self._answer(self.client.put(f"/api/v1/{path}", json=body))

    def upload(self, database, form):
        path = f"/api/v1/database/{database}/upload/"
        return self._answer(self.client.post(path, data=form, content_type="multipart/form-data"))

    def samples(self, dataset):
        path = f"/datasource/samples?datasource_type=table&datasource_id={dataset}"
        return self._answer(self.client.post(path, json={}))

    def _answer(self, response):
        found = response.get_json(silent=True)
        return found if found is not None else {"status": response.status_code, "text": response.text}


def asked(superset, name, uri):
    """Each thing asked, and its answer."""
    yield "test connection", superset.post("database/test_connection/", {"sqlalchemy_uri": uri})
    made = superset.post(
        "database/",
        {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True, "allow_ctas": True,
         "allow_cvas": True, "allow_dml": True, "allow_file_upload": True,
         "extra": json.dumps({"schemas_allowed_for_file_upload": ["public"]})},
    )  # fmt: skip
    yield "registered", {"made": "id" in made, "result": made.get("message")}
    assert "id" in made, made
    database = made["id"]
    yield "catalogs", superset.get(f"database/{database}/catalogs/")
    yield "schemas", superset.get(f"database/{database}/schemas/?q=(force:!t)")
    for schema in ("shop", "public"):
        yield f"tables of {schema}", superset.get(f"database/{database}/tables/?q=(force:!t,schema_name:{schema})")
    for schema, table in TABLES:
        named = f"name={quote(table)}&schema={schema}"
        yield f"metadata of {table}", superset.get(f"database/{database}/table_metadata/?{named}")
        yield f"more metadata of {table}", superset.get(f"database/{database}/table_metadata/extra/?{named}")
        star = superset.get(f"database/{database}/select_star/{quote(table)}/{schema}/")
        yield f"select star of {table}", star
        if "result" in star:
            yield f"preview of {table}", execute(superset, database, star["result"], schema)
    for schema, sql in QUERIES:
        yield sql, execute(superset, database, sql, schema)
    yield from kept(superset, database)
    datasets = {}
    for table, schema, sql in DATASETS:
        body = {"database": database, "schema": schema, "table_name": table}
        made = superset.post("dataset/", body | ({"sql": sql} if sql else {}))
        datasets[table] = made.get("id")
        yield f"dataset {table}", {"made": "id" in made, "refused": made.get("message")}
        columns = superset.get(f"dataset/{made.get('id')}").get("result", {}).get("columns", [])
        told = [[c[k] for k in ("column_name", "type", "type_generic", "is_dttm", "filterable")] for c in columns]
        yield f"columns of {table}", told
        yield f"refreshed {table}", superset.put(f"dataset/{made.get('id')}/refresh", {})
        yield f"samples of {table}", rows_of(superset.samples(made.get("id")).get("result", {}))
    for column in ("country", "stage", "gift", "day", "quantity"):
        path = f"datasource/table/{datasets['orders']}/column/{column}/values/"
        yield f"values of {column}", superset.get(path)
    for title, (table, query) in CHARTS.items():
        body = {"datasource": {"id": datasets[table], "type": "table"}, "queries": [query], "force": True,
                "result_format": "json", "result_type": "full"}  # fmt: skip
        found = superset.post("chart/data", body)
        yield title, [rows_of(result) for result in found.get("result", [])] or found


def kept(superset, database):
    """Results kept as a table and as a view, and a file that becomes a table."""
    for method in ("TABLE", "VIEW"):
        name = f"kept_{method.lower()}"
        sql = "SELECT country, sum(amount) AS total, max(ordered) AS last FROM orders GROUP BY country"
        more = {"select_as_cta": True, "ctas_method": method, "tmp_table_name": name}
        yield f"kept as {method}", execute(superset, database, sql, "shop", **more)
        yield f"of the {method}", execute(superset, database, f"SELECT * FROM {name} ORDER BY 1", "shop")
        execute(superset, database, f"DROP {method} {name}", "shop")
    for turn, already in enumerate(("fail", "fail", "replace", "append")):
        form = {"type": "csv", "file": (io.BytesIO(CSV.encode()), "some.csv"), "table_name": "uploaded", "schema": "public",
                "already_exists": already, "column_dates": "day", "delimiter": ","}  # fmt: skip
        yield f"upload {turn}, to {already}", superset.upload(database, form)
    yield "uploaded", execute(superset, database, "SELECT * FROM uploaded ORDER BY id, name", "public")
    named = f"database/{database}/table_metadata/?name=uploaded&schema=public"
    yield "metadata of uploaded", superset.get(named)


def execute(superset, database, sql, schema, **more):
    """SQL Lab's answer to a statement, or to several."""
    found = superset.post(
        "sqllab/execute/",
        {"database_id": database, "sql": sql, "schema": schema, "runAsync": False, "queryLimit": 50,
         "client_id": os.urandom(5).hex(), **more},
    )  # fmt: skip
    query = found.get("query", {})
    told = {key: query.get(key) for key in ("executedSql", "state", "limit", "limitingFactor", "rows", "errorMessage")}
    return told | rows_of(found) | {"errors": found.get("errors")}


def rows_of(found):
    keys = ("data", "columns", "colnames", "coltypes", "rowcount", "query", "error", "status", "indexnames")
    return {key: found.get(key) for key in keys if key != "query" or isinstance(found.get(key), str)}


def main():
    directory, *uris = sys.argv[1:]
    superset = Superset(directory)
    print(json.dumps([dict(asked(superset, f"database {n}", uri)) for n, uri in enumerate(uris)]))


main()
