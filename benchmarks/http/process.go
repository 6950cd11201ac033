package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/http/mix"
)

const site = mix.Host

// A bench is what all proxies share: a folder, a certificate, a backend.
type bench struct {
	dir, certificate, key string
	roots                 *x509.CertPool
	backend               *running
}

// running is a process that listens at addr.
type running struct {
	cmd    *exec.Cmd
	addr   string
	said   *bytes.Buffer // read only after ended
	ended  chan struct{}
	failed error
}

func newBench(ctx context.Context, dir string) (*bench, error) {
	b := &bench{dir: dir, certificate: filepath.Join(dir, "site.pem"), key: filepath.Join(dir, "site.key")}
	if err := b.makeCertificate(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b.backend, err = launch(ctx, addr, self, "backend", addr)
	if err != nil {
		return nil, fmt.Errorf("starting the backend: %w", err)
	}
	return b, nil
}

func (b *bench) close() { b.backend.stop() }

// start starts a proxy with a configuration of its own and waits until it answers.
func (b *bench) start(ctx context.Context, p peer) (*running, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "peer-")
	if err != nil {
		return nil, err
	}
	args, err := p.command(b, dir, addr)
	if err != nil {
		return nil, err
	}
	r, err := launch(ctx, addr, p.program, args...)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	return r, nil
}

func launch(ctx context.Context, addr, program string, args ...string) (*running, error) {
	r := &running{cmd: exec.Command(program, args...), addr: addr, said: &bytes.Buffer{}, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.said, r.said
	// A Ctrl-C reaches this process alone, which then stops its children.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.failed = r.cmd.Wait()
		close(r.ended)
	}()
	for range 200 {
		select {
		case <-ctx.Done():
			r.stop()
			return nil, ctx.Err()
		case <-r.ended:
			return nil, fmt.Errorf("it ended: %v: %s", r.failed, tail(r.said.String(), 5))
		case <-time.After(100 * time.Millisecond):
		}
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return r, conn.Close()
		}
	}
	r.stop()
	return nil, fmt.Errorf("nothing listens at %s after 20 s: %s", addr, tail(r.said.String(), 5))
}

// stop ends the process, politely first.
func (r *running) stop() {
	r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // its own group: see launch
		<-r.ended
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// makeCertificate writes one that all proxies show.
func (b *bench) makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{site, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	b.roots = x509.NewCertPool()
	b.roots.AddCert(made)
	if err := os.WriteFile(b.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(b.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

func (b *bench) dial(addr string) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, b.clientTLS())
}

func (b *bench) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: b.roots, ServerName: site, NextProtos: []string{"http/1.1"}}
}

// tree gives the process and what it started.
func tree(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // the thread has ended
			}
			for _, child := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// cpuTime is what the process and its children have used, in user and system.
func cpuTime(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	var ticks int64
	for _, p := range tree(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			return 0, err
		}
		// The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * tick, nil
}

// memory sums a line of /proc/PID/status over the tree, in bytes: VmRSS now, or
// VmHWM at its highest.
func memory(pid int, name string) (int64, error) {
	var sum int64
	for _, p := range tree(pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/status", p))
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
				kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
				if err != nil {
					f.Close()
					return 0, err
				}
				sum += kb << 10
			}
		}
		f.Close()
	}
	return sum, nil
}
