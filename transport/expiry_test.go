package transport

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

type words struct {
	mu  sync.Mutex
	all []gatehouse.Event
}

func (w *words) Record(_ context.Context, e gatehouse.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, e)
	return nil
}

func TestFiles_EndsWhileRunning_IsToldOnceSoonAndOnceEnded(t *testing.T) {
	// The certificate is good from 2000-01-01, which is synctest's now.
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	c, k := certs.New(t).Issue(t, certs.Want{Names: []string{"x.example"}, NotBefore: start.Add(-time.Hour), NotAfter: start.Add(30 * 24 * time.Hour)}).Write(t, t.TempDir(), "x")
	synctest.Test(t, func(t *testing.T) {
		var w words
		s, err := openFiles([]Files{{Certificate: c, Key: k}}, time.Now, notes{recorder: &w, log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 * 24 {
			s.checkExpiry(t.Context())
			s.reload(t.Context(), true)
			time.Sleep(time.Hour)
		}
		if len(w.all) != 2 || w.all[0].Level != gatehouse.Warning || w.all[1].Level != gatehouse.Critical {
			t.Fatalf("events: %+v", w.all)
		}
		if s.find("x.example") == nil {
			t.Error("an ended certificate is not served any more")
		}
	})
}

func TestOwnCertificate_Changed_IsReadAnewWithinSeconds(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	c, k := ca.Issue(t, certs.Want{Client: true}).Write(t, dir, "gate")
	now := time.Now()
	config, err := Upstream(UpstreamOptions{URL: "https://127.0.0.1:1", CertificateFile: c, KeyFile: k, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	get := func() string {
		cert, err := config.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.String()
	}
	first := get()
	fresh := ca.Issue(t, certs.Want{Client: true})
	fresh.Write(t, dir, "gate")
	if get() != first {
		t.Error("the files are looked at for each connection")
	}
	now = now.Add(recheck)
	if got := get(); got != fresh.Cert.SerialNumber.String() {
		t.Error("a changed certificate is not used")
	}
	// A bad one keeps the good one.
	certs.Pair{CertPEM: []byte("x"), Key: []byte("y")}.Write(t, dir, "gate")
	now = now.Add(recheck)
	if got := get(); got != fresh.Cert.SerialNumber.String() {
		t.Error("a bad certificate took the good one's place")
	}
}
