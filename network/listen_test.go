package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestListen_Errors_AreOneLineThatSaysWhatToDo(t *testing.T) {
	taken := localListener(t)
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := Listen(t.Context(), "unix:"+filepath.Join(folder, "live.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	cases := []struct {
		addr string
		want []string
		is   error
	}{
		{"127.0.0.1:" + port, []string{"port " + port + " is in use by", fmt.Sprint("pid ", os.Getpid()), "another port"}, syscall.EADDRINUSE},
		{"192.0.2.1:0", []string{"192.0.2.1 is not an address of this machine"}, syscall.EADDRNOTAVAIL},
		{"443", []string{`want "host:port"`}, nil},
		{"", []string{`want "host:port"`}, nil},
		{"::1:443", []string{`want "host:port"`}, nil},
		{"127.0.0.1:https", []string{`"https" is no port`}, nil},
		{"127.0.0.1:65536", []string{`"65536" is no port`}, nil},
		{":-1", []string{`"-1" is no port`}, nil},
		{"no such name:1", []string{"neither an address nor a known name"}, nil},
		{"unix:", []string{`want "host:port"`}, nil},
		{"unix:" + file, []string{"is not a socket"}, nil},
		{"unix:" + filepath.Join(folder, "none", "s"), []string{"create it"}, os.ErrNotExist},
		{"unix:/" + strings.Repeat("a", 200), []string{"longer than 107"}, nil},
		{"unix:" + filepath.Join(folder, "live.sock"), []string{"another process listens"}, syscall.EADDRINUSE},
		{"systemd:0", []string{"systemd handed no socket over"}, nil},
	}
	for _, tc := range cases {
		ln, err := Listen(t.Context(), tc.addr)
		if err == nil {
			ln.Close()
			t.Errorf("%q: no error", tc.addr)
			continue
		}
		for _, want := range append(tc.want, "listening on "+tc.addr) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %q, want one with %q", tc.addr, err, want)
			}
		}
		if strings.Contains(err.Error(), "\n") || tc.is != nil && !errors.Is(err, tc.is) {
			t.Errorf("%q: error %q, want one line, caused by %v", tc.addr, err, tc.is)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "precious" {
		t.Errorf("the file that is no socket: %q, %v", got, err)
	}
}

func TestTCPError_NoPermission_NamesTheWaysOut(t *testing.T) {
	err := tcpError("0.0.0.0", 443, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)})
	if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "setcap") || !strings.Contains(err.Error(), "systemd:0") {
		t.Errorf("error %q", err)
	}
}

func TestListen_UnixSocket_ModeAndStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as where a process is killed
	dead.Close()
	for _, mode := range []os.FileMode{0, 0o600, 0o666} {
		ln, err := ListenConfig{UnixMode: mode}.Listen(t.Context(), "unix:"+path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want := mode
		if mode == 0 {
			want = 0o660
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("permissions %o, want %o", got, want)
		}
		ln.Close()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket stays after Close: %v", err)
		}
	}
}

func TestListen_CancelledContext_DoesNotListen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ln, err := Listen(ctx, "localhost:0"); err == nil {
		ln.Close()
		t.Error("listens all the same")
	}
}

func TestListen_Systemd_TakesOverTheSocketByPlaceAndName(t *testing.T) {
	for _, which := range []string{"0", "https"} {
		ln := localListener(t)
		file, err := ln.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0])
		child.ExtraFiles = []*os.File{file}
		child.Env = append(os.Environ(), "NETWORK_TEST_INHERIT="+which, "LISTEN_FDS=1", "LISTEN_FDNAMES=https")
		child.Stderr = os.Stderr
		var said strings.Builder
		child.Stdout = &said
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		file.Close()
		for range 2 {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(c); err != nil || string(got) != "inherited" {
				t.Errorf("got %q, %v", got, err)
			}
			c.Close()
		}
		if err := child.Wait(); err != nil {
			t.Errorf("the child: %v: %s", err, said.String())
		}
	}
}

func TestListen_Systemd_NoSuchSocket(t *testing.T) {
	t.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	t.Setenv("LISTEN_FDS", "2")
	t.Setenv("LISTEN_FDNAMES", "http:https:more")
	for _, which := range []string{"2", "-1", "more", "", "ftp"} {
		if _, err := Listen(t.Context(), "systemd:"+which); err == nil || !strings.Contains(err.Error(), "none of them is") {
			t.Errorf("%q: error %v", which, err)
		}
	}
	t.Setenv("LISTEN_PID", "1")
	if _, err := Listen(t.Context(), "systemd:0"); err == nil || !strings.Contains(err.Error(), "handed no socket over") {
		t.Errorf("meant for another process: error %v", err)
	}
}
