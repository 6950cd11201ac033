package pgwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// signInWith plays what a database says while the gate signs in.
func signInWith(weak gatehouse.Reason, messages ...string) (sent string, err error) {
	var said []byte
	for _, m := range messages {
		said = appendMessage(said, m[0], []byte(m[1:]))
	}
	conn := &script{in: bytes.NewReader(said)}
	b := &backend{conn: conn, settings: make(map[string]string)}
	err = b.signIn(&Upstream{User: "role", Password: "pass-word", Weak: weak}, []param{{"database", "shop"}}, "nonce")
	return conn.out.String(), err
}

func TestSignIn_WeakAuthentication_OnlyWithAReason(t *testing.T) {
	rest := []string{"R\x00\x00\x00\x00", "ZI"}
	for name, c := range map[string]struct{ ask, answer string }{
		"clear": {"R\x00\x00\x00\x03", "pass-word\x00"},
		"md5":   {"R\x00\x00\x00\x05salt", "md5"},
	} {
		sent, err := signInWith("", append([]string{c.ask}, rest...)...)
		if err == nil || strings.Contains(sent, c.answer) {
			t.Errorf("%s without a reason: %v, sent %q", name, err, sent)
		}
		if strings.Contains(err.Error(), "pass-word") {
			t.Errorf("%s: the error has the password", name)
		}
		sent, err = signInWith("it is old", append([]string{c.ask}, rest...)...)
		if err != nil || !strings.Contains(sent, c.answer) {
			t.Errorf("%s with a reason: %v, sent %q", name, err, sent)
		}
	}
	// PostgreSQL: md5(md5(password + user) + salt), in hex.
	sent, _ := signInWith("it is old", "R\x00\x00\x00\x05salt", "R\x00\x00\x00\x00", "ZI")
	if want := "p\x00\x00\x00\x28md506cf74d6ce23449d680a82a127813878\x00"; !strings.HasSuffix(sent, want) {
		t.Errorf("sent %q", sent)
	}
}

func TestSignIn_HostileDatabase_IsRefused(t *testing.T) {
	many := make([]string, 2*maxSignInMessages)
	for i := range many {
		many[i] = "Nnotice\x00\x00"
	}
	for name, messages := range map[string][]string{
		"no end":                         many,
		"ready before it was signed in":  {"ZI"},
		"a setting before":               {"Sa\x00b\x00"},
		"signed in twice":                {"R\x00\x00\x00\x00", "R\x00\x00\x00\x00"},
		"SCRAM that proves nothing":      {"R\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00", "R\x00\x00\x00\x00", "ZI"},
		"SCRAM final without a question": {"R\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00", "R\x00\x00\x00\x0cv=AAAA"},
		"another mechanism alone":        {"R\x00\x00\x00\x0aOAUTHBEARER\x00\x00"},
		"Kerberos":                       {"R\x00\x00\x00\x07"},
		"a short authentication":         {"R\x00"},
		"a setting without a value":      {"R\x00\x00\x00\x00", "Sa"},
		"a key of nothing":               {"R\x00\x00\x00\x00", "K1234"},
		"a key without end":              {"R\x00\x00\x00\x00", "K" + strings.Repeat("k", 300)},
		"a message without end":          {"N" + strings.Repeat("x", maxSignInMessage+1)},
		"a message of another phase":     {"R\x00\x00\x00\x00", "D\x00\x00"},
	} {
		if _, err := signInWith("", messages...); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestDial_DatabaseWithoutTLS_IsNotSpokenToInTheClear(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		ask := make([]byte, 8)
		_, _ = io.ReadFull(conn, ask)
		_, _ = conn.Write([]byte{'N'})
		rest, _ := io.ReadAll(conn)
		got <- string(rest)
	}()
	_, err = dial(t.Context(), &Upstream{Network: "tcp", Address: ln.Addr().String(), TLS: &tls.Config{}})
	if err == nil {
		t.Error("it was taken")
	}
	if rest := <-got; rest != "" {
		t.Errorf("sent in the clear: %q", rest)
	}
}

func TestConnect_DatabaseThatSaysNothing_IsGivenUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	g, _ := newGate(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too late"))
	defer cancel()
	start := time.Now()
	if _, err := g.connect(ctx, &Upstream{Network: "tcp", Address: ln.Addr().String(), User: "role"}, nil); err == nil {
		t.Error("it was taken")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
