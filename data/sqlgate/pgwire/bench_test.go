package pgwire

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"

	"context"
)

// passAll is a judge that costs nothing.
type passAll struct{ fakeJudge }

func (*passAll) Judge(context.Context, sqlgate.Account, sqlgate.Statement) sqlgate.Ruling {
	return sqlgate.Ruling{Verdict: gatehouse.Pass}
}
func (*passAll) Ended(context.Context, sqlgate.Account, sqlgate.Ruling, sqlgate.Outcome) {}

// BenchmarkStatement is one statement after the other, through a session and
// through a relay that looks at nothing.
func BenchmarkStatement(b *testing.B) {
	var simple, prepared, result, answer []byte
	simple = appendMessage(nil, 'Q', []byte("SELECT abalance FROM pgbench_accounts WHERE aid = 12345\x00"))
	row := appendMessage(nil, 'T', []byte("\x00\x01abalance\x00\x00\x00\x40\x00\x00\x01\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00"))
	row = appendMessage(row, 'D', []byte("\x00\x01\x00\x00\x00\x01\x30"))
	row = appendMessage(row, 'C', []byte("SELECT 1\x00"))
	result = appendMessage(row, 'Z', []byte("I"))
	for _, m := range []string{"B\x00P0\x00\x00\x00\x00\x01\x00\x00\x00\x0512345\x00\x00", "DP\x00", "E\x00\x00\x00\x00\x00", "S"} {
		prepared = appendMessage(prepared, m[0], []byte(m[1:]))
	}
	answer = append(appendMessage(nil, '2', nil), result...)
	for _, c := range []struct {
		name            string
		asked, answered []byte
	}{{"simple", simple, result}, {"prepared", prepared, answer}} {
		for name, join := range map[string]func(testing.TB, net.Conn, net.Conn){"gate": joinGate, "relay": joinRelay} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				client, toClient := sockets(b)
				server, toServer := sockets(b)
				defer client.Close()
				go serveCanned(server, len(c.asked), c.answered)
				join(b, toClient, toServer)
				got := make([]byte, len(c.answered))
				b.ReportAllocs()
				before := cpu()
				for b.Loop() {
					if _, err := client.Write(c.asked); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(client, got); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serveCanned(conn net.Conn, asked int, answer []byte) {
	defer conn.Close()
	in := make([]byte, asked)
	for {
		if _, err := io.ReadFull(conn, in); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func joinGate(b testing.TB, client, server net.Conn) {
	o := options(nil)
	o.Judge = new(passAll)
	g, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	s := &session{g: g, a: g.accounts["app"], client: client, server: server, ctx: b.Context(), database: "shop"}
	if err := g.register(s, 0); err != nil {
		b.Fatal(err)
	}
	go s.carry(map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"})
}

func joinRelay(_ testing.TB, client, server net.Conn) {
	pass := func(to, from net.Conn) {
		defer to.Close()
		buf := make([]byte, bufferSize)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go pass(server, client)
	go pass(client, server)
}
