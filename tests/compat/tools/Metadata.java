import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

/** What a program asks through java.sql.DatabaseMetaData, and rows written and read back; a line each on stdout. */
public class Metadata {
    /** Each server's own: sizes and counts of rows, which are estimates. */
    static final Set<String> OWN = Set.of("CARDINALITY", "PAGES");

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0], "postgres", "")) {
            describe(connection.getMetaData());
            describeResult(connection);
            writeAndRead(connection);
            fail(connection);
        }
    }

    static void describe(DatabaseMetaData about) throws SQLException {
        show("schemas", about.getSchemas());
        show("table types", about.getTableTypes());
        for (String schema : new String[] {"public", "sales"}) {
            show("tables", about.getTables(null, schema, "%", new String[] {"TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE"}));
            show("columns", about.getColumns(null, schema, "%", "%"));
            show("privileges", about.getColumnPrivileges(null, schema, "authors", "%"));
        }
        for (String table : new String[] {"authors", "docs", "reviews"}) {
            show("primary key of " + table, about.getPrimaryKeys(null, "public", table));
            show("imported keys of " + table, about.getImportedKeys(null, "public", table));
            show("exported keys of " + table, about.getExportedKeys(null, "public", table));
            show("indexes of " + table, about.getIndexInfo(null, "public", table, false, false));
            show("row identifier of " + table, about.getBestRowIdentifier(null, "public", table, 0, true));
        }
        show("cross reference", about.getCrossReference(null, "public", "authors", null, "public", "reviews"));
        show("user types", about.getUDTs(null, "public", "%", null));
    }

    static void describeResult(Connection connection) throws SQLException {
        String sql = "SELECT id, title, price, tags, embedding, count(*) OVER () AS n FROM docs WHERE id = ? AND title = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            ResultSetMetaData result = statement.getMetaData();
            for (int i = 1; i <= result.getColumnCount(); i++) {
                System.out.println("result|" + result.getColumnLabel(i) + "|" + result.getColumnTypeName(i) + "|" + result.getColumnType(i)
                    + "|" + result.getTableName(i) + "|" + result.isNullable(i) + "|" + result.isAutoIncrement(i) + "|" + result.getPrecision(i)
                    + "|" + result.getScale(i));
            }
            ParameterMetaData parameters = statement.getParameterMetaData();
            for (int i = 1; i <= parameters.getParameterCount(); i++)
                System.out.println("parameter|" + parameters.getParameterTypeName(i));
        }
    }

    static void writeAndRead(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        String sql = "INSERT INTO docs (author_id, title, price, tags, raw, uid, created, embedding) VALUES (?, ?, ?, ?, ?, ?, ?, ?::vector)";
        try (PreparedStatement insert = connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            for (int i = 1; i <= 20; i++) {
                insert.setInt(1, i);
                insert.setString(2, "title " + i);
                insert.setBigDecimal(3, new BigDecimal(i + ".25"));
                insert.setArray(4, connection.createArrayOf("text", new String[] {"a", null, "c,d"}));
                insert.setBytes(5, new byte[] {0, 1, (byte) 255});
                insert.setObject(6, new UUID(1, i));
                insert.setTimestamp(7, Timestamp.valueOf("2024-01-02 03:04:05.678901"));
                insert.setString(8, "[" + i + ",2,3]");
                insert.addBatch();
            }
            System.out.println("batch|" + Arrays.toString(insert.executeBatch()));
            show("keys", insert.getGeneratedKeys());
        }
        try (PreparedStatement select = connection.prepareStatement("SELECT * FROM docs WHERE price > ? ORDER BY embedding <-> ?::vector LIMIT 12")) {
            select.setFetchSize(5);
            for (int round = 0; round < 3; round++) {  // named, then binary
                select.setBigDecimal(1, new BigDecimal("3"));
                select.setString(2, "[1,2,3]");
                show("rows", select.executeQuery());
            }
        }
        Savepoint savepoint = connection.setSavepoint("here");
        System.out.println("deleted|" + connection.createStatement().executeUpdate("DELETE FROM docs"));
        connection.rollback(savepoint);
        show("left", connection.createStatement().executeQuery("SELECT count(*) FROM docs"));
        connection.rollback();
        connection.setAutoCommit(true);
    }

    static void fail(Connection connection) throws SQLException {
        for (String sql : new String[] {"SELECT nothing FROM docs", "INSERT INTO authors (email) VALUES ('x')", "SELECT 1 / (SELECT 0)"}) {
            try (Statement statement = connection.createStatement()) {
                statement.execute(sql);
            } catch (SQLException error) {
                System.out.println("error|" + error.getSQLState() + "|" + error.getMessage());
            }
        }
    }

    static void show(String title, ResultSet rows) throws SQLException {
        ResultSetMetaData about = rows.getMetaData();
        while (rows.next()) {
            StringBuilder line = new StringBuilder(title);
            for (int i = 1; i <= about.getColumnCount(); i++) {
                Object value = rows.getObject(i);
                if (value instanceof byte[]) value = Arrays.toString((byte[]) value);
                if (!OWN.contains(about.getColumnLabel(i).toUpperCase())) line.append('|').append(about.getColumnLabel(i)).append('=').append(value);
            }
            System.out.println(line);
        }
        rows.close();
    }
}
