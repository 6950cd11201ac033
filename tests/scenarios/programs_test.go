package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what should come.
const patience = time.Minute

type worldKey struct{}

// A world is what one script has started.
type world struct {
	dir      string
	programs map[string]*program
	closers  []func()
	slow     chan struct{} // closed by release
	freed    sync.Once
	underWay map[string]chan answer
}

func newWorld(dir string) *world {
	return &world{dir: dir, programs: map[string]*program{}, slow: make(chan struct{}), underWay: map[string]chan answer{}}
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// A program runs beside the script.
type program struct {
	cmd  *exec.Cmd
	done chan error
}

// close ends what a script that failed has left.
func (w *world) close() {
	w.freed.Do(func() { close(w.slow) })
	for _, p := range w.programs {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
			_ = p.cmd.Process.Kill() // it did not listen
			<-p.done
		}
	}
	for _, c := range w.closers {
		c()
	}
}

// exits CODE PROGRAM ARGS… runs a program that ends with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, _ := strconv.Atoi(args[0]); code != want {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// start NAME PROGRAM ARGS… starts a program; it prints to NAME.out and NAME.err.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARGS…")
	}
	w := worldOf(ts)
	name := args[0]
	if w.programs[name] != nil {
		ts.Fatalf("%s runs already", name)
	}
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Args[0] = args[1]
	cmd.Dir = ts.MkAbs(".")
	for _, key := range []string{
		"PATH", "HOME", "XDG_STATE_HOME", "GATEHOUSE_STATE", "PORT", "TZ", "NO_COLOR", "TMPDIR", "TOKEN", "GOCOVERDIR", "GORACE",
	} {
		if v := ts.Getenv(key); v != "" {
			cmd.Env = append(cmd.Env, key+"="+v)
		}
	}
	var files []*os.File
	for _, ext := range []string{".out", ".err"} {
		f, err := os.Create(filepath.Join(w.dir, name+ext))
		ts.Check(err)
		files = append(files, f)
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	ts.Check(cmd.Start())
	p := &program{cmd: cmd, done: make(chan error, 1)}
	go func() {
		p.done <- cmd.Wait()
		for _, f := range files {
			_ = f.Close() // only the program wrote to it
		}
	}()
	w.programs[name] = p
}

// waitfor FILE PATTERN waits until the file holds the pattern.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	text, ok := await(ts, args[0], pattern, nil)
	if !ok {
		ts.Fatalf("%s never held %q; it holds: %s", args[0], args[1], oneLine(text))
	}
}

// until FILE PATTERN request… sends a request again and again until the file
// holds the pattern: what it waits for says nothing of when it is ready.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || args[2] != "request" {
		ts.Fatalf("usage: until FILE PATTERN request…")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		request(ts, false, args[3:])
		if pattern.MatchString(ts.ReadFile(args[0])) {
			return
		}
	}
	ts.Fatalf("%s never held %q: %s", args[0], args[1], oneLine(ts.ReadFile(args[0])))
}

// await reads a file until it matches, or p has ended, or patience has.
func await(ts *testscript.TestScript, file string, pattern *regexp.Regexp, p *program) (text string, ok bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ended := false
		if p != nil {
			select {
			case err := <-p.done:
				p.done <- err
				ended = true
			default:
			}
		}
		if data, err := os.ReadFile(ts.MkAbs(file)); err == nil {
			text = string(data)
		}
		if pattern.MatchString(text) {
			return text, true
		}
		if ended || time.Now().After(deadline) {
			return text, false
		}
	}
}

var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}

// signal NAME SIGNAL sends a started program a signal.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) != 2 || w.programs[args[0]] == nil || signals[args[1]] == 0 {
		ts.Fatalf("usage: signal NAME TERM|INT|HUP|KILL")
	}
	ts.Check(w.programs[args[0]].cmd.Process.Signal(signals[args[1]]))
}

// ended NAME CODE waits for a started program, which must exit with that code.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) != 2 || w.programs[args[0]] == nil {
		ts.Fatalf("usage: ended NAME CODE")
	}
	p := w.programs[args[0]]
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended after %s", args[0], patience)
	}
	delete(w.programs, args[0])
	if code := fmt.Sprint(p.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("%s exited with %s, want %s: %s", args[0], code, args[1], oneLine(ts.ReadFile(filepath.Join(w.dir, args[0]+".err"))))
	}
}

var greeting = regexp.MustCompile(`(?m)^gatehouse: (\S+?),? (?s:.*)Ctrl-C drains and stops`)

// gate ARGS… starts `gatehouse run` on a free port, and waits until it serves;
// $GATE is its address.
func gate(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: gate ARGS…")
	}
	run := []string{"gate", "gatehouse", "run"}
	if ts.Getenv("PORT") == "" && !strings.Contains(strings.Join(args, " "), "--listen") {
		run = append(run, "--listen", "127.0.0.1:0")
	}
	start(ts, false, append(run, args...))
	w := worldOf(ts)
	text, ok := await(ts, filepath.Join(w.dir, "gate.err"), greeting, w.programs["gate"])
	if !ok {
		ts.Fatalf("the gate does not serve: %s", oneLine(text))
	}
	ts.Setenv("GATE", greeting.FindStringSubmatch(text)[1])
}

// hold VAR [ADDRESS] listens in the test's own process, and accepts nobody.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: hold VAR [ADDRESS]")
	}
	address := "127.0.0.1:0"
	if len(args) > 1 {
		address = args[1]
	}
	ln, err := net.Listen("tcp", address)
	ts.Check(err)
	w := worldOf(ts)
	w.closers = append(w.closers, func() { _ = ln.Close() }) // it was only held
	ts.Setenv(args[0], fmt.Sprint(ln.Addr().(*net.TCPAddr).Port))
}

// freeport VAR sets VAR to a port that was free a moment ago.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprint(ln.Addr().(*net.TCPAddr).Port))
	ts.Check(ln.Close())
}

// paste SOURCE FILE appends to a file, as a person would; SOURCE may be stdout,
// what the last command printed.
func paste(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: paste SOURCE FILE")
	}
	path := ts.MkAbs(args[1])
	old, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	ts.Check(os.WriteFile(path, []byte(string(old)+ts.ReadFile(args[0])), 0o600))
}

// eventid VAR sets VAR to the identifier of the event that the last command
// printed as JSON.
func eventID(ts *testscript.TestScript, neg bool, args []string) {
	var e struct {
		ID string `json:"id"`
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: eventid VAR")
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &e))
	ts.Setenv(args[0], e.ID)
}
