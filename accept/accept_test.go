package accept_test

import (
	"errors"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/accept"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T, greet func(*accept.Listener, net.Conn)) *accept.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := accept.New(inner, greet)
	t.Cleanup(func() { _ = l.Close() }) // a test may have closed it
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// waitsForAByte is a greeting that takes until the client has said something.
func waitsForAByte(l *accept.Listener, c net.Conn) {
	l.Go(func() {
		go func() {
			<-l.Context().Done()
			_ = c.Close()
		}()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			l.Give(c)
		}
	})
}

func TestAccept_OneThatTakesLong_HoldsUpNoOther(t *testing.T) {
	l := listen(t, waitsForAByte)
	dial(t, l)
	quick := dial(t, l)
	if _, err := quick.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil || c.RemoteAddr().String() != quick.LocalAddr().String() {
		t.Fatalf("accepted %v, %v", c, err)
	}
}

func TestClose_WhileOneIsPrepared_EndsIt(t *testing.T) {
	begun := make(chan struct{})
	l := listen(t, func(l *accept.Listener, c net.Conn) {
		close(begun)
		waitsForAByte(l, c)
	})
	client := dial(t, l)
	go func() {
		<-begun
		_ = l.Close()
	}()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted with %v", err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived its listener")
	}
}

func TestClose_BesideTheFirstAccept_EndsBoth(t *testing.T) {
	for range 300 { // the race detector looks at what the two share
		l := listen(t, waitsForAByte)
		accepted := make(chan error)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		_ = l.Close() // the error of a listener that is closed twice is nobody's
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("accepted with %v", err)
		}
	}
}
