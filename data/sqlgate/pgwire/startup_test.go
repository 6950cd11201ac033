package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

func packet(code uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), code)
	return finish(append(b, rest...), 0)
}

func startupOf(minor uint32, pairs ...string) []byte {
	return packet(major|minor, strings.Join(pairs, "\x00")+"\x00\x00")
}

// A script is a client that has sent all that it will, and notes what it is
// told.
type script struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) RemoteAddr() net.Addr             { return &net.UnixAddr{} }

func TestStartup_Parameters_AreSorted(t *testing.T) {
	in := startupOf(0, "user", "app", "database", "shop", "application_name", "x", "options", "-c a=b", "_pq_.new", "1", "replication", "false")
	s, c, err := (&door{conn: &script{in: bytes.NewReader(in)}}).read()
	if err != nil || c != nil {
		t.Fatal(err)
	}
	want := &startup{user: "app", database: "shop", replication: "false", params: []param{{"application_name", "x"}, {"options", "-c a=b"}}, unknown: []string{"_pq_.new"}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v", s)
	}
	if s.replicates() {
		t.Error("replication=false was taken for replication")
	}
}

func TestStartup_EncryptionThatThereIsNot_IsAnsweredNo(t *testing.T) {
	in := append(append(packet(gssCode, ""), packet(sslCode, "")...), startupOf(0, "user", "app")...)
	conn := &script{in: bytes.NewReader(in)}
	s, _, err := (&door{conn: conn}).read()
	if err != nil || s.user != "app" || conn.out.String() != "NN" {
		t.Fatalf("got %+v, %v, answered %q", s, err, conn.out.String())
	}
}

func TestStartup_Malformed_IsRefused(t *testing.T) {
	for name, in := range map[string][]byte{
		"too short":          {0, 0, 0, 7, 0, 3, 0},
		"too long":           {0, 0, 0x27, 0x11, 0, 3, 0, 0},
		"absurd":             {0, 0xff, 0xff, 0xff},
		"no user":            startupOf(0, "database", "shop"),
		"nothing":            packet(major, ""),
		"no end":             packet(major, "user\x00app\x00"),
		"no value":           packet(major, "user\x00"),
		"more after its end": packet(major, "user\x00app\x00\x00x"),
		"version 2":          packet(2<<16, "user"),
		"TLS asked twice":    append(packet(sslCode, ""), packet(sslCode, "")...),
		"TLS asked oddly":    packet(sslCode, "x"),
		"cancel of nothing":  packet(cancelCode, "1234"),
		"an endless key":     packet(cancelCode, "1234"+strings.Repeat("k", 257)),
		"too many settings":  packet(major, strings.Repeat("a\x00b\x00", 200)+"\x00"),
		"direct TLS":         {tlsHandshake, 3, 1, 0},
	} {
		var f *fault
		if _, _, err := (&door{conn: &script{in: bytes.NewReader(in)}}).read(); !errors.As(err, &f) {
			t.Errorf("%s: got %v, want words for the client", name, err)
		}
	}
}

func TestStartup_NewerVersion_IsNegotiated(t *testing.T) {
	for _, c := range []struct {
		minor   uint32
		unknown []string
		want    string
	}{
		{0, nil, ""},
		{2, nil, ""},
		{9999, nil, "v\x00\x00\x00\x0c\x00\x03\x00\x02\x00\x00\x00\x00"},
		{0, []string{"_pq_.x"}, "v\x00\x00\x00\x13\x00\x03\x00\x00\x00\x00\x00\x01_pq_.x\x00"},
	} {
		s := &startup{minor: int(c.minor), unknown: c.unknown}
		if got := string(s.negotiate()); got != c.want {
			t.Errorf("3.%d with %v: got %q, want %q", c.minor, c.unknown, got, c.want)
		}
	}
}

func TestStartup_AnotherRole_IsSeenHoweverItIsAskedFor(t *testing.T) {
	for options, want := range map[string]bool{
		"-c role=admin":                      true,
		"-crole=admin":                       true,
		"-c ROLE=admin":                      true,
		"--role=admin":                       true,
		"--session-authorization=admin":      true,
		"-c\tsession_authorization=admin":    true,
		`-c r\ole=admin`:                     true,
		"-ecrole=admin":                      true, // -e stands alone, -c follows in the same word
		"-d 5 -c role=admin":                 true,
		"-c a=b -c role=admin":               true,
		"-B 16 -e -c x=1 -crole=admin":       true,
		"-c statement_timeout=5s":            false,
		"-c app.role=admin":                  false,
		"-c search_path=role=":               false,
		"-c application_name=--role=x":       false,
		`-c application_name=a\ -c\ role=x`:  false,
		"--application-name=-crole=x -c x=y": false,
		"":                                   false,
		"-":                                  false,
		"-c":                                 false,
		"role=admin":                         false,
	} {
		s := &startup{params: []param{{"options", options}}}
		if got := s.becomes(); got != want {
			t.Errorf("options %q: got %v, want %v", options, got, want)
		}
	}
	if s := (&startup{params: []param{{"Session_Authorization", "admin"}}}); !s.becomes() {
		t.Error("session_authorization as a parameter was not seen")
	}
	if s := (&startup{params: []param{{"search_path", "role"}}}); s.becomes() {
		t.Error("another setting was taken for a role")
	}
}

func TestStartup_Replication_IsSeen(t *testing.T) {
	for value, want := range map[string]bool{"database": true, "true": true, "1": true, "on": true, "yes": true, "t": true, "nonsense": true, "": false, "false": false, "off": false, "0": false, "no": false} {
		if got := (&startup{replication: value}).replicates(); got != want {
			t.Errorf("replication=%s: got %v", value, got)
		}
	}
}

func FuzzStartup(f *testing.F) {
	f.Add(startupOf(0, "user", "app", "options", "-c role=admin"))
	f.Add(append(packet(sslCode, ""), startupOf(2, "user", "app", "_pq_.x", "1")...))
	f.Add(packet(cancelCode, "1234keys"))
	f.Add([]byte{tlsHandshake, 3, 1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		conn := &script{in: bytes.NewReader(in)}
		s, c, err := (&door{conn: conn}).read()
		switch {
		case err != nil:
		case s != nil:
			if s.user == "" || len(s.params) > maxParams+1 {
				t.Fatalf("took %+v", s)
			}
			s.becomes()
			s.negotiate()
		case c == nil || len(c.key) < 4 || len(c.key) > 256:
			t.Fatalf("took %+v", c)
		}
		if rest, _ := io.ReadAll(conn.in); err == nil && len(in)-len(rest) > 3*maxStartup {
			t.Fatal("more was read than a startup may have")
		}
	})
}

func FuzzOptions(f *testing.F) {
	f.Add(`-c r\ole=admin --x=y -ecz=1`)
	f.Fuzz(func(t *testing.T, options string) {
		for _, name := range optionSettings(options) {
			if strings.Contains(name, "=") {
				t.Fatalf("%q is no setting's name", name)
			}
		}
	})
}
