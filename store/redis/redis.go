// Package redis is a limit.Limiter in Redis (or Valkey), shared by the replicas
// that use the same server: one script, one round trip for all keys of a request,
// by the server's clock.
//
// It trusts the server, and the way to it: rediss:// where that is not the
// machine's own. What is sent there is hashes and numbers, never an address or a
// name. It keeps no truth: a server that is emptied begins anew, which errs
// towards letting pass by one burst of each key. It fails where the server does,
// within the context's time: limit.Fallback is for that. Redis Cluster keeps all
// keys in one slot.
package redis

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/gatehousehq/gatehouse/limit"
)

//go:embed take.lua
var script string

// Options say where the server is.
type Options struct {
	// URL is redis://[user:password@]host:port[/database], rediss:// with TLS,
	// or unix://path. With TLS the server is verified, always.
	URL string
	// TLS replaces what rediss:// means by itself: TLS 1.2 and up, the host's
	// name, the system's authorities.
	TLS *tls.Config
	// Timeout bounds a call whose context has no deadline, and the making of a
	// connection. Zero means one second.
	Timeout time.Duration
	// Secret is of the replicas together. With it nobody who reads the server's
	// memory can try which addresses and names its keys are of.
	Secret []byte
	// Now is the clock for tests. Nil means the server's, which replicas share.
	Now func() time.Time
}

// A Limiter is a limit.Limiter in Redis. Make it with [New], and close it.
type Limiter struct {
	client *redis.Client
	script *redis.Script
	secret []byte
	now    func() time.Time
}

var _ limit.Limiter = (*Limiter)(nil)

// New checks the options. It does not connect: the first call does.
func New(o Options) (*Limiter, error) {
	settings, err := redis.ParseURL(o.URL)
	if err != nil { // which may quote the password
		return nil, errors.New("redis: Options.URL: want redis://[user:password@]host:port[/database], rediss:// or unix://path")
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	if o.Timeout < 0 || o.Timeout > time.Minute {
		return nil, fmt.Errorf("redis: Options.Timeout is %v: want up to a minute", o.Timeout)
	}
	switch {
	case settings.TLSConfig != nil && settings.TLSConfig.InsecureSkipVerify:
		return nil, errors.New("redis: Options.URL: skip_verify would tell whoever answers the password: have the system trust the server's authority, or give Options.TLS")
	case o.TLS != nil && settings.TLSConfig == nil:
		return nil, errors.New("redis: Options.TLS is for a URL with rediss://")
	case o.TLS != nil:
		settings.TLSConfig = o.TLS
	}
	settings.DialTimeout, settings.ReadTimeout, settings.WriteTimeout, settings.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	settings.ContextTimeoutEnabled = true
	settings.MaxRetries = -1 // a second try would count twice, and wait twice
	settings.DialerRetries = 1
	settings.DisableIdentity = true
	settings.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	logging.Disable() // its one logger writes to standard error what calls return as errors too
	return &Limiter{client: redis.NewClient(settings), script: redis.NewScript(script), secret: o.Secret, now: o.Now}, nil
}

// Close closes the connections.
func (l *Limiter) Close() error { return l.client.Close() }

// answers is how many numbers the script returns for a take.
const answers = 4

// Take implements limit.Limiter.
func (l *Limiter) Take(ctx context.Context, takes []limit.Take) error {
	if err := limit.Check(takes); err != nil {
		return err
	}
	keys, args := make([]string, len(takes)), make([]any, 1, 1+4*len(takes))
	args[0] = int64(0)
	if l.now != nil {
		args[0] = l.now().UnixMicro()
	}
	for i := range takes {
		t := &takes[i]
		keys[i] = l.key(t.Key)
		look := 0
		if t.Look {
			look = 1
		}
		args = append(args, t.Rate.Interval().Microseconds(), t.Rate.Capacity().Microseconds(), max(t.Cost, 1), look)
	}
	numbers, err := l.script.Run(ctx, l.client, keys, args...).Int64Slice()
	if err != nil {
		return fmt.Errorf("asking Redis for a limit: %w", err)
	}
	if len(numbers) != answers*len(takes) {
		return fmt.Errorf("asking Redis for a limit: it gave %d numbers, want %d", len(numbers), answers*len(takes))
	}
	for i := range takes {
		n := numbers[answers*i:]
		takes[i].Result = limit.Result{Allowed: n[0] == 1, Remaining: int(n[1]), RetryAfter: micros(n[2]), ResetAfter: micros(n[3])}
	}
	return nil
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// key hashes a key: 128 bits, so that none is long, none tells whose it is, and
// nobody finds two that meet. The braces keep all in one slot of a cluster.
func (l *Limiter) key(key string) string {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte(key))
	return "{gatehouse:limit}:" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
