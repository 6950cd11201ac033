// Package measure is what the benchmarks have in common: processes that listen
// and are ended again, what they use of the machine by /proc, medians, and the
// section of the results that a command writes. It decides nothing and speaks
// to this machine alone.
package measure

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is one that listens at Addr.
type Process struct {
	Addr   string
	cmd    *exec.Cmd
	said   *bytes.Buffer // read only after ended
	ended  chan struct{}
	failed error
}

// Launch starts a program and waits until something listens at addr.
func Launch(ctx context.Context, addr, program string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(program, args...), Addr: addr, said: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	// A Ctrl-C reaches this process alone, which then stops its children.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.failed = p.cmd.Wait()
		close(p.ended)
	}()
	for range 200 {
		select {
		case <-ctx.Done():
			p.Stop()
			return nil, ctx.Err()
		case <-p.ended:
			return nil, fmt.Errorf("it ended: %v: %s", p.failed, Tail(p.said.String(), 5))
		case <-time.After(100 * time.Millisecond):
		}
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return p, conn.Close()
		}
	}
	p.Stop()
	return nil, fmt.Errorf("nothing listens at %s after 20 s: %s", addr, Tail(p.said.String(), 5))
}

// PID is the process's own; see Tree for those that it started.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process, politely first.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		syscall.Kill(-p.PID(), syscall.SIGKILL) // its own group: see Launch
		<-p.ended
	}
}

// FreeAddress gives one of loopback that was free just now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Build makes a program from the module in dir, as it is shipped: without cgo.
func Build(to, dir, what string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, what)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("it does not build: %w: %s", err, Tail(string(out), 5))
	}
	return nil
}

// FirstLine is what a program says first.
func FirstLine(program string, args ...string) string {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return "unknown version"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// Tail is the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Tree gives the process and what it started.
func Tree(pid int) []int {
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

// CPUTime is what the process and its children have used, in user and system.
func CPUTime(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	var ticks int64
	for _, p := range Tree(pid) {
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

// Memory sums a line of /proc/PID/status over the tree, in bytes: VmRSS now, or
// VmHWM at its highest.
func Memory(pid int, name string) (int64, error) {
	var sum int64
	for _, p := range Tree(pid) {
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

// MB is a size in millions of bytes.
func MB(bytes int64) float64 { return float64(bytes) / 1e6 }

// RunTime is what the process's own threads have run, to the nanosecond where
// CPUTime counts hundredths of a second. Threads that have ended are missing
// from it; the programs measured here end none.
func RunTime(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("/proc has nothing about the threads of %d: %w", pid, os.ErrNotExist)
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}
