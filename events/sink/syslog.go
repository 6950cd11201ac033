package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

const (
	// syslogBuffer is how many messages the server may be behind.
	syslogBuffer  = 1024
	syslogTimeout = 5 * time.Second
	minRedial     = time.Second
	maxRedial     = 30 * time.Second
	// datagramSettle is how long datagrams must go out without a failure for
	// the server to count as reached.
	datagramSettle = 10 * time.Second
	// maxDatagram is what one UDP packet holds (RFC 5426 section 3.2).
	maxDatagram = 65_000
)

// framing is how messages are told apart on the connection.
type framing uint8

const (
	datagram framing = iota
	// counted is octet counting (RFC 6587 section 3.4.1).
	counted
)

// syslog sends messages to one server from a bounded queue.
type syslog struct {
	name    string
	dial    func(context.Context) (net.Conn, framing, error)
	format  syslogFormat
	note    func(gatehouse.Event)
	queue   chan []byte
	drained chan struct{}
	// closing is closed at Close: what is queued is sent, and then no more.
	closing chan struct{}

	mu     sync.Mutex
	health health
	// failed is when a message last failed.
	failed time.Time
}

func newSyslog(o Options, note func(gatehouse.Event)) (*syslog, error) {
	dial, err := syslogDialer(o)
	if err != nil {
		return nil, err
	}
	return &syslog{
		name: "the syslog server " + o.Syslog, dial: dial, format: newSyslogFormat(), note: note,
		queue: make(chan []byte, syslogBuffer), drained: make(chan struct{}), closing: make(chan struct{}),
	}, nil
}

// syslogDialer reads the address.
func syslogDialer(o Options) (func(context.Context) (net.Conn, framing, error), error) {
	const want = "want udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log"
	u, err := url.Parse(o.Syslog)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %s", o.Syslog, want)
	}
	d := net.Dialer{Timeout: syslogTimeout}
	host := u.Host
	if u.Scheme != "unix" {
		ports := map[string]string{"udp": "514", "tcp": "514", "tls": "6514"}
		if ports[u.Scheme] == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("%q: %s", o.Syslog, want)
		}
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), ports[u.Scheme])
		}
	} else if u.Path == "" || u.Host != "" {
		return nil, fmt.Errorf("%q: %s", o.Syslog, want)
	}
	return func(ctx context.Context) (net.Conn, framing, error) {
		switch u.Scheme {
		case "udp":
			c, err := d.DialContext(ctx, "udp", host)
			return c, datagram, err
		case "tcp":
			c, err := d.DialContext(ctx, "tcp", host)
			return c, counted, err
		case "tls":
			c, err := (&tls.Dialer{NetDialer: &d, Config: o.SyslogTLS}).DialContext(ctx, "tcp", host)
			return c, counted, err
		}
		c, err := d.DialContext(ctx, "unixgram", u.Path)
		if err == nil {
			return c, datagram, nil
		}
		c, err = d.DialContext(ctx, "unix", u.Path)
		return c, counted, err
	}, nil
}

// send queues messages and never waits; those without room are counted.
func (s *syslog) send(records []record) {
	for _, r := range records {
		select {
		case s.queue <- s.format.message(r):
		default:
			s.lost(1, errSlow)
		}
	}
}

// lost counts messages that will not be sent, and tells of the first.
func (s *syslog) lost(n uint64, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = time.Now()
	s.health.lost += n
	if !s.health.down {
		s.health.down = true
		s.note(events.SysMonitorDisabled(s.name, why))
	}
}

// sent tells that messages get through again. A datagram that was sent may
// have been refused, which only a later one is told: so it takes a while
// without a failure.
func (s *syslog) sent(f framing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled := f == counted || time.Since(s.failed) > datagramSettle
	if s.health.down && settled && len(s.queue) <= syslogBuffer/2 {
		s.note(enabled(s.name, s.health.lost))
		s.health = health{}
	}
}

// run sends until drain is called and the queue is empty, or ctx ends.
func (s *syslog) run(ctx context.Context) {
	defer close(s.drained)
	link := &syslogLink{dial: s.dial}
	defer link.close()
	for {
		var message []byte
		select {
		case message = <-s.queue:
		case <-ctx.Done():
			return
		case <-s.closing:
			select {
			case message = <-s.queue:
			default:
				return
			}
		}
		if !s.deliver(ctx, link, message) {
			s.lost(1, ctx.Err())
			return
		}
	}
}

// deliver sends one message, dialling again for as long as it takes; false
// where ctx ended first.
func (s *syslog) deliver(ctx context.Context, link *syslogLink, message []byte) bool {
	for pause := minRedial; ; pause = min(2*pause, maxRedial) {
		err := link.write(ctx, message)
		if err == nil {
			s.sent(link.framing)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if errors.Is(err, syscall.EMSGSIZE) {
			s.lost(1, err)
			return true
		}
		s.lost(0, err)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// drain gives run until ctx ends, and no longer than syslogTimeout, to send
// what is queued.
func (s *syslog) drain(ctx context.Context) {
	close(s.closing)
	t := time.NewTimer(syslogTimeout)
	defer t.Stop()
	select {
	case <-s.drained:
	case <-ctx.Done():
	case <-t.C:
	}
}

// unsent says how many messages were not sent, once run has ended.
func (s *syslog) unsent() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.health.lost + uint64(len(s.queue)); n > 0 {
		return fmt.Errorf("%s: %d events were not sent", s.name, n)
	}
	return nil
}

// syslogLink is a connection that is dialled when needed.
type syslogLink struct {
	dial    func(context.Context) (net.Conn, framing, error)
	conn    net.Conn
	framing framing
	// gone is closed when the server ends the connection: the next write would
	// go nowhere without an error.
	gone chan struct{}
}

func (l *syslogLink) write(ctx context.Context, message []byte) error {
	if l.conn != nil && l.framing == counted {
		select {
		case <-l.gone:
			l.close()
		default:
		}
	}
	if l.conn == nil {
		conn, framing, err := l.dial(ctx)
		if err != nil {
			return err
		}
		l.conn, l.framing, l.gone = conn, framing, make(chan struct{})
		if framing == counted {
			go watch(conn, l.gone)
		}
	}
	if l.framing == counted {
		message = append(fmt.Appendf(make([]byte, 0, len(message)+8), "%d ", len(message)), message...)
	}
	conn := l.conn
	if err := conn.SetWriteDeadline(time.Now().Add(syslogTimeout)); err != nil {
		l.close()
		return err
	}
	release := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(message)
	release()
	if err != nil {
		// After half a message the connection is of no use. The message is
		// sent again on the next: twice is better than never.
		l.close()
	}
	return err
}

// watch reads what a syslog server never sends, to see the connection's end.
// It ends when the connection is closed.
func watch(conn net.Conn, gone chan<- struct{}) {
	defer close(gone)
	var b [256]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

func (l *syslogLink) close() {
	if l.conn == nil {
		return
	}
	l.conn.Close()
	if l.framing == counted {
		<-l.gone
	}
	l.conn = nil
}

// syslogFormat makes messages of RFC 5424.
type syslogFormat struct{ host, proc string }

func newSyslogFormat() syslogFormat {
	host, err := os.Hostname()
	if err != nil || !printASCII(host) || len(host) > 255 {
		host = "-"
	}
	return syslogFormat{host: host, proc: fmt.Sprint(os.Getpid())}
}

func printASCII(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < 33 || r > 126 }) < 0
}

// facility is authpriv (RFC 5424 section 6.2.1): messages that not everybody
// may read.
const facility = 10

// severities are RFC 5424's: critical, warning, informational.
var severities = map[gatehouse.Level]int{gatehouse.Critical: 2, gatehouse.Warning: 4, gatehouse.Info: 6}

// message is the event's JSON behind a header whose MSGID is the event's name.
func (f syslogFormat) message(r record) []byte {
	severity, ok := severities[r.event.Level]
	if !ok {
		severity = 2
	}
	id := r.event.Name
	if !printASCII(id) || len(id) > 32 {
		id = "-"
	}
	body := r.line[:len(r.line)-1]
	message := fmt.Appendf(nil, "<%d>1 %s %s gatehouse %s %s - ", facility*8+severity,
		r.event.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), f.host, f.proc, id)
	message = append(message, body...)
	return message[:min(len(message), maxDatagram)]
}
