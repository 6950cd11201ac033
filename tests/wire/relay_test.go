package wire

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// A relay stands where the gate does, and changes the server's messages after
// the session has begun: the control of the differ.
func relay(t *testing.T, to target, change func(kind byte, body []byte) (byte, []byte)) target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			relayOne(c, to.address(), change)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done }) // a listener's Close does not fail
	through := to
	through.host, through.port, _ = net.SplitHostPort(ln.Addr().String())
	return through
}

// relayOne relays one session to its end.
func relayOne(client net.Conn, address string, change func(byte, []byte) (byte, []byte)) {
	defer client.Close()
	upstream, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer upstream.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, client) // it ends with either
		_ = upstream.Close()
	}()
	begun := false
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(upstream, head); err != nil {
			break
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(upstream, body); err != nil {
			break
		}
		kind := head[0]
		if begun {
			kind, body = change(kind, body)
		}
		begun = begun || kind == 'Z'
		if kind == 0 {
			continue
		}
		out := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body))+4)
		if _, err := client.Write(append(out, body...)); err != nil {
			break
		}
	}
	_ = client.Close() // for the other direction to end
	<-done
}

// What a bad gate could do to a session, and the differ must see.
func TestDiffer_AServerThatDiffers_IsSeen(t *testing.T) {
	play := func(d *dialog) {
		if s := d.open(); s != nil {
			s.query("select noisy('x')", "set TimeZone = 'Asia/Tokyo'", "begin", "select 1/0", "rollback", "copy moods to stdout")
			s.send(several(once("select 1"), syncNow)...)
			s.ready(1)
		}
		d.hangUp()
	}
	d := server(t)
	d.kept(t, "scripts")
	bare := &dialog{t: t, to: d.bare("scripts")}
	play(bare)
	for name, change := range map[string]func(kind byte, body []byte) (byte, []byte){
		"drops a notice":             dropping('N'),
		"drops a parameter's status": dropping('S'),
		"drops a row":                dropping('D'),
		"drops copied data":          dropping('d'),
		"drops a command's tag":      dropping('C'),
		"changes a state": func(kind byte, body []byte) (byte, []byte) {
			if kind == 'Z' && body[0] == 'E' {
				return kind, []byte{'I'}
			}
			return kind, body
		},
		"changes a row": func(kind byte, body []byte) (byte, []byte) {
			if kind == 'D' {
				body[len(body)-1] ^= 1
			}
			return kind, body
		},
		"changes an error": func(kind byte, body []byte) (byte, []byte) {
			return kind, []byte(strings.Replace(string(body), "division by zero", "multiplication by", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			through := &dialog{t: t, to: relay(t, d.bare("scripts"), change)}
			play(through)
			if differs(bare.sessions[0].frames, through.sessions[0].frames) == "" {
				t.Error("the differ sees no difference")
			}
		})
	}
	t.Run("relays all as it is", func(t *testing.T) {
		through := &dialog{t: t, to: relay(t, d.bare("scripts"), func(kind byte, body []byte) (byte, []byte) { return kind, body })}
		play(through)
		if why := differs(bare.sessions[0].frames, through.sessions[0].frames); why != "" {
			t.Errorf("the differ sees a difference where there is none:\n%s", why)
		}
	})
}

func dropping(what byte) func(kind byte, body []byte) (byte, []byte) {
	return func(kind byte, body []byte) (byte, []byte) {
		if kind == what {
			return 0, nil
		}
		return kind, body
	}
}
