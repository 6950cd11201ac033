package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap/zapcore"
)

// onEvent hears from certmagic what became of an attempt.
func (m *acmeManager) onEvent(ctx context.Context, name string, data map[string]any) error {
	host, _ := data["identifier"].(string)
	switch name {
	case "cert_obtaining":
		// Somebody is at it, and tries again by itself.
		m.mu.Lock()
		m.next[host], m.wait[host] = m.now().Add(silence), 0
		m.mu.Unlock()
	case "cert_failed":
		err, _ := data["error"].(error)
		m.failed(ctx, host, err)
	case "cert_obtained":
		m.mu.Lock()
		delete(m.failures, host)
		m.mu.Unlock()
		words := "a certificate for " + host + " was issued"
		if renewal, _ := data["renewal"].(bool); renewal {
			words = "the certificate for " + host + " was renewed"
		}
		m.notes.info(ctx, words, map[string]string{"host": host, "issuer": fmt.Sprint(data["issuer"])})
	}
	return nil
}

// failed tells a person once for each reason; attempts go on by themselves.
func (m *acmeManager) failed(ctx context.Context, host string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	why, kind := explain(host, err)
	m.mu.Lock()
	again := m.failures[host] == why
	m.failures[host] = why
	m.mu.Unlock()
	if again {
		m.notes.log.Debug("another attempt to get a certificate failed", "host", host, "error", err)
		return
	}
	detail := map[string]string{"host": host, "kind": kind, "error": cut(err.Error())}
	leaf := m.leaf(host)
	if leaf == nil {
		m.notes.critical(ctx, "no certificate for "+host+" yet: "+why+". It is tried again by itself", detail)
		return
	}
	detail["expires"] = leaf.NotAfter.UTC().Format(time.RFC3339)
	m.notes.warn(ctx, "the certificate for "+host+" could not be renewed: "+why+". The old one is served until "+
		date(leaf.NotAfter)+"; it is tried again by itself", detail)
}

// hints say what to do about an ACME problem (RFC 8555, 6.7). %s is the host.
var hints = map[string]string{
	acme.ProblemTypeConnection:              "the authority could not reach http://%s/.well-known/acme-challenge/: port 80 of that name must lead to this gate, through firewalls and proxies",
	acme.ProblemTypeDNS:                     "the authority could not look up %s: check its A and AAAA records",
	acme.ProblemTypeUnauthorized:            "whatever answers http://%s/.well-known/acme-challenge/ is not this gate: check the name's A and AAAA records and what listens on port 80",
	acme.ProblemTypeIncorrectResponse:       "whatever answers http://%s/.well-known/acme-challenge/ is not this gate: check the name's A and AAAA records and what listens on port 80",
	acme.ProblemTypeCAA:                     "the CAA record of %s forbids this authority: allow it there",
	acme.ProblemTypeRateLimited:             "the authority's limit is reached for %s: it has to be waited out",
	acme.ProblemTypeRejectedIdentifier:      "the authority does not sign for %s",
	acme.ProblemTypeExternalAccountRequired: "the authority wants an external account for %s: set EAB",
	acme.ProblemTypeInvalidContact:          "the authority does not take the e-mail address given for %s",
}

// explain is one sentence for a person and the kind of the problem.
func explain(host string, err error) (why, kind string) {
	var p acme.Problem
	if !errors.As(err, &p) {
		return "asking the authority failed: " + cut(err.Error()), "request"
	}
	kind = strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:")
	if hint, ok := hints[p.Type]; ok {
		return fmt.Sprintf(hint, host), kind
	}
	return "the authority refused: " + cut(p.Detail), kind
}

// cut bounds what a stranger's server wrote into an error.
func cut(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// slogCore gives certmagic's log to slog. What matters to a person is told by
// events, so its own words are for debugging, and its warnings warnings.
type slogCore struct{ log *slog.Logger }

func (c slogCore) level(l zapcore.Level) slog.Level {
	if l >= zapcore.WarnLevel {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (c slogCore) Enabled(l zapcore.Level) bool {
	return c.log.Enabled(context.Background(), c.level(l))
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.log.With(attrs(fields)...)}
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.Log(context.Background(), c.level(e.Level), "acme: "+e.Message, attrs(fields)...)
	return nil
}

func (slogCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	out := make([]any, 0, len(enc.Fields))
	for k, v := range enc.Fields {
		out = append(out, slog.Any(k, v))
	}
	return out
}
