package sqldriver

import "database/sql/driver"

// What a wrapped connection has only where the bare one does. database/sql
//   - prepares a statement where a connection can't execute or query directly,
//     and then the statement converts the arguments, not the connection;
//   - keeps a connection whose transaction a context rolled back only where it
//     can be both reset and validated.
const (
	executes = 1 << iota
	queries
	resets
	validates
)

// shapes make a connection that has exactly these: a Go type can't have a
// method at one time and lack it at another.
var shapes = [16]func(*conn) driver.Conn{
	0: func(c *conn) driver.Conn { return c },
	executes: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
		}{c, (*execer)(c)}
	},
	queries: func(c *conn) driver.Conn {
		return struct {
			*conn
			*queryer
		}{c, (*queryer)(c)}
	},
	executes | queries: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*queryer
		}{c, (*execer)(c), (*queryer)(c)}
	},
	resets: func(c *conn) driver.Conn {
		return struct {
			*conn
			*resetter
		}{c, (*resetter)(c)}
	},
	executes | resets: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*resetter
		}{c, (*execer)(c), (*resetter)(c)}
	},
	queries | resets: func(c *conn) driver.Conn {
		return struct {
			*conn
			*queryer
			*resetter
		}{c, (*queryer)(c), (*resetter)(c)}
	},
	executes | queries | resets: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*queryer
			*resetter
		}{c, (*execer)(c), (*queryer)(c), (*resetter)(c)}
	},
	validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*validator
		}{c, (*validator)(c)}
	},
	executes | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*validator
		}{c, (*execer)(c), (*validator)(c)}
	},
	queries | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*queryer
			*validator
		}{c, (*queryer)(c), (*validator)(c)}
	},
	executes | queries | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*queryer
			*validator
		}{c, (*execer)(c), (*queryer)(c), (*validator)(c)}
	},
	resets | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*resetter
			*validator
		}{c, (*resetter)(c), (*validator)(c)}
	},
	executes | resets | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*resetter
			*validator
		}{c, (*execer)(c), (*resetter)(c), (*validator)(c)}
	},
	queries | resets | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*queryer
			*resetter
			*validator
		}{c, (*queryer)(c), (*resetter)(c), (*validator)(c)}
	},
	executes | queries | resets | validates: func(c *conn) driver.Conn {
		return struct {
			*conn
			*execer
			*queryer
			*resetter
			*validator
		}{c, (*execer)(c), (*queryer)(c), (*resetter)(c), (*validator)(c)}
	},
}
