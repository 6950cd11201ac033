// JDBC doing its job, compiled and run with its jar on the class path. It prints all
// that it gets; arguments are the URL, the user, the password and how many of
// its modes to try.
import java.io.*;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.*;

public class Client {
  interface Job { void run() throws Exception; }

  static void say(String what, Object... values) { System.out.println(what + ": " + Arrays.deepToString(values)); }

  static void failing(String what, Job job) throws Exception {
    try {
      job.run();
      say(what, "did not fail");
    } catch (SQLException e) {
      say(what, e.getSQLState(), e.getMessage());
    }
  }

  static void rows(String what, ResultSet r) throws SQLException {
    int n = r.getMetaData().getColumnCount();
    List<String> all = new ArrayList<>();
    while (r.next()) for (int i = 1; i <= n; i++) all.add(r.getMetaData().getColumnName(i) + "=" + r.getString(i));
    say(what, all);
    r.close();
  }

  static Connection connect(String[] args, String... options) throws SQLException {
    Properties p = new Properties();
    p.setProperty("user", args[1]);
    p.setProperty("password", args[2]);
    p.setProperty("sslmode", "disable");
    for (int i = 0; i < options.length; i += 2) p.setProperty(options[i], options[i + 1]);
    return DriverManager.getConnection(args[0], p);
  }

  static void statements(Connection c, boolean slow) throws Exception {
    rows("metadata", c.getMetaData().getColumns(null, "public", "people", "%"));
    rows("keys", c.getMetaData().getImportedKeys(null, "public", "orders"));
    try (Statement s = c.createStatement()) {
      rows("simple", s.executeQuery("select 1 as one, 'x' as x, null as none"));
      s.execute("select 1; select 2; update people set note = 'java' where id = 1");
      do say("several", s.getUpdateCount()); while (s.getMoreResults() || s.getUpdateCount() != -1);
      failing("failing", () -> s.execute("selec"));
      failing("broken", () -> s.execute("select broken()"));
      failing("twice", () -> s.execute("insert into people (id, name) values (1, 'twice')"));
      s.execute("select noisy('java')");
      for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) say("warning", w.getSQLState(), w.getMessage());
      if (slow) s.setQueryTimeout(1);
      if (slow) failing("timed out", () -> s.execute("select pg_sleep(20)"));
    }
    try (PreparedStatement p = c.prepareStatement("select id, name, born, points from people where id = ? or name = ?")) {
      for (int i = 1; i < 9; i++) { // named by the server from the fifth on
        p.setInt(1, i);
        p.setString(2, "o'hara \\ ;--");
        rows("prepared", p.executeQuery());
      }
    }
    try (PreparedStatement p = c.prepareStatement("select ?::int / ?::int")) {
      for (int i = 0; i < 8; i++) {
        int by = i % 3;
        p.setInt(1, 6);
        p.setInt(2, by);
        failing("divided", () -> rows("divided by " + by, p.executeQuery()));
      }
    }
  }

  static void transactions(Connection c) throws Exception {
    c.setAutoCommit(false);
    try (PreparedStatement p = c.prepareStatement("insert into copied (id, text) values (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
      for (int i = 0; i < 200; i++) {
        p.setInt(1, i);
        p.setString(2, "batch " + i);
        p.addBatch();
      }
      say("batch", Arrays.stream(p.executeBatch()).sum());
      Savepoint save = c.setSavepoint("save");
      p.setInt(1, 1000); p.setString(2, "x"); p.addBatch();
      p.setInt(1, 1001); p.setString(2, null); p.addBatch();
      failing("batch with NUL", () -> { p.setInt(1, 1002); p.setString(2, "a\0b"); p.addBatch(); p.executeBatch(); });
      c.rollback(save);
    }
    try (Statement s = c.createStatement()) {
      s.setFetchSize(7); // portals by portions
      int n = 0;
      try (ResultSet r = s.executeQuery("select * from orders order by id")) { while (r.next()) n++; }
      say("by portions", n);
      failing("fails at the eleventh", () -> { try (ResultSet r = s.executeQuery("select 1/(11-i) from generate_series(1, 100) i")) { while (r.next()); } });
      failing("after it", () -> s.execute("select 1"));
    }
    c.rollback();
    LargeObjectManager objects = c.unwrap(PGConnection.class).getLargeObjectAPI();
    long oid = 888;
    try (Statement s = c.createStatement()) { s.execute("select lo_create(888)"); }
    LargeObject o = objects.open(oid, LargeObjectManager.READWRITE);
    o.write("a large object of java".getBytes());
    o.seek(2);
    say("large object", new String(o.read(5)), o.tell(), o.size());
    o.truncate(4);
    o.close();
    objects.delete(oid);
    c.commit();
    c.setAutoCommit(true);
  }

  static void copies(Connection c) throws Exception {
    CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
    say("copied in", copy.copyIn("copy copied (id, text) from stdin", new StringReader("1\tone\n2\ttwo\n")));
    failing("copied in, failing", () -> copy.copyIn("copy copied (id) from stdin", new StringReader("x\n")));
    StringWriter out = new StringWriter();
    say("copied out", copy.copyOut("copy (select id, text from copied order by id) to stdout csv", out), out);
  }

  static void notifications(Connection c) throws Exception {
    try (Statement s = c.createStatement()) { s.execute("listen news; notify news, 'hello'"); }
    for (PGNotification n : c.unwrap(PGConnection.class).getNotifications(5000))
      say("notification", n.getName(), n.getParameter(), n.getPID() == c.unwrap(PGConnection.class).getBackendPID());
  }

  public static void main(String[] args) throws Exception {
    String[][] modes = {{}, {"prepareThreshold", "1", "binaryTransfer", "true", "reWriteBatchedInserts", "true"}, {"preferQueryMode", "simple"}, {"preferQueryMode", "extendedCacheEverything"}};
    for (String[] options : Arrays.copyOf(modes, Integer.parseInt(args[3]))) {
      say("with", (Object[]) options);
      try (Connection c = connect(args, options)) {
        say("server", c.getMetaData().getDatabaseProductVersion());
        statements(c, options.length == 0);
        transactions(c);
        if (options.length == 0) copies(c);
        notifications(c);
        try (Statement s = c.createStatement()) { s.execute("delete from copied"); }
      }
    }
    System.out.println("done");
  }
}
