package wire

import (
	"github.com/jackc/pgx/v5/pgproto3"
)

// Short names of the messages that scripts are made of.

func parse(name, sql string, types ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: types}
}

// bind binds texts; a nil is NULL.
func bind(portal, statement string, values ...any) *pgproto3.Bind {
	b := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b.Parameters = append(b.Parameters, []byte(v))
		case []byte:
			b.Parameters = append(b.Parameters, v)
		default:
			b.Parameters = append(b.Parameters, nil)
		}
	}
	return b
}

func describeStatement(name string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: 'S', Name: name}
}
func describePortal(name string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: 'P', Name: name}
}
func execute(portal string, rows uint32) *pgproto3.Execute {
	return &pgproto3.Execute{Portal: portal, MaxRows: rows}
}
func closeStatement(name string) *pgproto3.Close { return &pgproto3.Close{ObjectType: 'S', Name: name} }
func closePortal(name string) *pgproto3.Close    { return &pgproto3.Close{ObjectType: 'P', Name: name} }

var (
	syncNow  = &pgproto3.Sync{}
	flushNow = &pgproto3.Flush{}
)

// once is the messages that run a statement by the extended protocol, without
// Sync.
func once(sql string, values ...any) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{parse("", sql), bind("", "", values...), describePortal(""), execute("", 0)}
}

// several strings messages together.
func several(parts ...any) []pgproto3.FrontendMessage {
	var all []pgproto3.FrontendMessage
	for _, p := range parts {
		switch p := p.(type) {
		case []pgproto3.FrontendMessage:
			all = append(all, p...)
		case pgproto3.FrontendMessage:
			all = append(all, p)
		default:
			panic("several: neither a message nor messages")
		}
	}
	return all
}
