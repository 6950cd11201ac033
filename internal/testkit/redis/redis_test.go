package redis_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ping says what the server answers within a moment, "" for nothing.
func ping(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return ""
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return ""
	}
	line, _ := bufio.NewReader(c).ReadString('\n') // an error is no answer
	return line
}

func TestStart_AnswersUntilKilledAndAgainAfterARestart(t *testing.T) {
	s := redis.Start(t)
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"started", func() {}, "+PONG\r\n"},
		{"paused", s.Pause, ""},
		{"resumed", s.Resume, "+PONG\r\n"},
		{"killed", s.Kill, ""},
		{"started again", s.Restart, "+PONG\r\n"},
	} {
		step.do()
		if got := ping(t, s.Addr()); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}
