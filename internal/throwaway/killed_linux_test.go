package throwaway_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

const asChild = "GATEHOUSE_THROWAWAY_CHILD"

// A process that is killed closes nothing; the kernel ends its server.
func TestStart_StarterIsKilled_ServerEnds(t *testing.T) {
	if dir := os.Getenv(asChild); dir != "" {
		s, err := throwaway.Start(t.Context(), throwaway.Options{Parent: dir})
		fmt.Println("\nstarted", s.Addr(), err)
		time.Sleep(time.Minute)
		return
	}
	need(t)
	dir := parent(t)
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), asChild+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		if said, ok := strings.CutPrefix(lines.Text(), "started "); ok {
			address, _, _ = strings.Cut(said, " ")
		}
	}
	listens := func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close() // nothing was sent
		}
		return err == nil
	}
	if address == "" || !listens() {
		t.Errorf("it did not start at %q", address)
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // it was killed
	for end := time.Now().Add(10 * time.Second); listens(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server is still there")
		}
	}
	// The folder stays, which nobody was left to remove.
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	for _, l := range left {
		if err := os.RemoveAll(dir + "/" + l.Name()); err != nil {
			t.Error(err)
		}
	}
}
