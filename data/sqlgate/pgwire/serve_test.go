package pgwire

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// served runs a gate until the test ends.
func served(t *testing.T, g *Gate) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

func dialGate(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestServe_ManyThatSayNothing_AreBoundedAndEnd(t *testing.T) {
	g, _ := newGate(t, func(o *Options) { o.SignIn = 2 * time.Second })
	addr := served(t, g)
	var silent []net.Conn
	for range maxSignIns {
		silent = append(silent, dialGate(t, addr))
	}
	for range 50 {
		conn := dialGate(t, addr)
		wantsError(t, conn, "FATAL", "53300", "too many sessions are beginning: try again later")
		wantsEnd(t, conn)
	}
	for _, conn := range silent {
		wantsEnd(t, conn)
	}
	conn := dialGate(t, addr) // there is room again
	if _, err := conn.Write(packet(sslCode, "")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestServe_UnknownUser_GetsTheSameAsAWrongPassword(t *testing.T) {
	g, j := newGate(t)
	addr := served(t, g)
	var told []string
	for _, user := range []string{"app", "nob"} {
		conn := dialGate(t, addr)
		if _, err := conn.Write(startupOf(0, "user", user)); err != nil {
			t.Fatal(err)
		}
		offer := gets(t, conn)
		c := &scramClient{header: "n,,", password: "wrong", nonce: "client"}
		sends(t, conn, "p"+string(c.begin(scramPlain)))
		challenge := gets(t, conn)
		final, err := c.final([]byte(challenge)[5:])
		if err != nil {
			t.Fatal(err)
		}
		sends(t, conn, "p"+final)
		said := gets(t, conn)
		wantsEnd(t, conn)
		told = append(told, offer+" "+shape(challenge)+" "+strings.ReplaceAll(said, user, "USER"))
	}
	if told[0] != told[1] {
		t.Errorf("they are told apart:\n%q\n%q", told[0], told[1])
	}
	if len(j.refusals) != 2 || j.refusals[0].Rule != sqlgate.RulePassword {
		t.Errorf("recorded %+v", j.refusals)
	}
}

// shape leaves of a challenge what is not random.
func shape(challenge string) string {
	var parts []string
	for part := range strings.SplitSeq(challenge, ",") {
		parts = append(parts, part[:min(2, len(part))]+strings.Repeat("x", len(part)-min(2, len(part))))
	}
	return strings.Join(parts, ",")
}

func TestServe_PasswordMessagesThatAreNone_EndTheSession(t *testing.T) {
	g, j := newGate(t)
	addr := served(t, g)
	for name, message := range map[string]string{
		"a query":             "Qselect 1\x00",
		"a mechanism unknown": "pOAUTHBEARER\x00\x00\x00\x00\x00",
		"-PLUS without TLS":   "pSCRAM-SHA-256-PLUS\x00\x00\x00\x00\x00",
		"a length too long":   "pSCRAM-SHA-256\x00\x00\x00\x00\x09x",
		"nothing":             "p",
		"a password":          "psecret\x00",
		"too much":            "p" + strings.Repeat("x", maxSCRAM+1),
	} {
		conn := dialGate(t, addr)
		if _, err := conn.Write(startupOf(0, "user", "app")); err != nil {
			t.Fatal(err)
		}
		gets(t, conn)
		sends(t, conn, message)
		if got := gets(t, conn); !strings.HasPrefix(got, "ESFATAL\x00VFATAL\x00C08P01\x00") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if len(j.refusals) != 0 {
		t.Errorf("recorded %+v: nobody tried a password", j.refusals)
	}
}

func TestServe_AfterShutdown_TakesNobody(t *testing.T) {
	g, _ := newGate(t)
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve(ln); !errors.Is(err, errKilled) {
		t.Errorf("got %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

func TestAdmit_ClearFromElsewhere_IsRefusedUnlessAReasonIsGiven(t *testing.T) {
	elsewhere := addressOf(&from{addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5}})
	for _, c := range []struct {
		plaintext string
		secured   bool
		local     bool
		want      bool
	}{{"", false, false, false}, {"it is a test", false, false, true}, {"", true, false, true}, {"", false, true, true}} {
		g, j := newGate(t, func(o *Options) { o.Plaintext = gatehouse.Reason(c.plaintext) })
		client := elsewhere
		if c.local {
			client = addressOf(&from{addr: &net.UnixAddr{}})
		}
		err := g.admit(t.Context(), &door{secured: c.secured}, &startup{user: "app"}, client)
		if (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
		if !c.want && (len(j.refusals) != 1 || j.refusals[0].Rule != sqlgate.RuleTLS) {
			t.Errorf("recorded %+v", j.refusals)
		}
	}
}

type from struct {
	net.Conn
	addr net.Addr
}

func (f *from) RemoteAddr() net.Addr { return f.addr }

func TestNew_BadOptions_AreNamed(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"Options.Name":     func(o *Options) { o.Name = "" },
		"Options.Clients":  func(o *Options) { o.Clients = nil },
		"Options.Judge":    func(o *Options) { o.Judge = nil },
		"a limit":          func(o *Options) { o.MaxSessions = -1 },
		"Client.User":      func(o *Options) { o.Clients[0].User = "" },
		"Client.Password":  func(o *Options) { o.Clients[0].Password = "" },
		"given twice":      func(o *Options) { o.Clients = append(o.Clients, o.Clients[0]) },
		"Upstream.Network": func(o *Options) { o.Clients[0].Upstream.Network = "udp" },
		"Upstream.Address": func(o *Options) { o.Clients[0].Upstream.Address = "" },
	} {
		o := options(new(fakeJudge))
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
