package transport_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

func TestFiles_Unusable_OneClearLineAtStart(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	good, goodKey := ca.Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, dir, "good")
	_, otherKey := ca.Issue(t, certs.Want{Names: []string{"y.example"}}).Write(t, dir, "other")
	ended, endedKey := ca.Issue(t, certs.Want{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}).Write(t, dir, "ended")
	early, earlyKey := ca.Issue(t, certs.Want{NotBefore: time.Now().Add(24 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}).Write(t, dir, "early")
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	locked := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	for _, c := range []struct {
		name  string
		files transport.Files
		want  []string
	}{
		{"expired", transport.Files{Certificate: ended, Key: endedKey}, []string{ended, "expired on " + time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly)}},
		{"not yet", transport.Files{Certificate: early, Key: earlyKey}, []string{early, "only good from", "clock"}},
		{"mismatched", transport.Files{Certificate: good, Key: otherKey}, []string{good, otherKey, "does not belong"}},
		{"swapped", transport.Files{Certificate: goodKey, Key: good}, []string{goodKey, "holds no certificate"}},
		{"missing", transport.Files{Certificate: filepath.Join(dir, "none"), Key: goodKey}, []string{"none", "can't be read"}},
		{"missing key", transport.Files{Certificate: good, Key: filepath.Join(dir, "none")}, []string{"none", "key can't be read"}},
		{"a folder", transport.Files{Certificate: dir, Key: goodKey}, []string{dir, "can't be read"}},
		{"empty", transport.Files{Certificate: write("empty", ""), Key: goodKey}, []string{"empty", "holds no certificate"}},
		{"garbage", transport.Files{Certificate: good, Key: write("garbage", "\x00\xff")}, []string{"garbage", "holds no private key"}},
		{"encrypted key", transport.Files{Certificate: good, Key: write("locked", locked)}, []string{"locked", "is encrypted", "openssl pkey"}},
		{"huge", transport.Files{Certificate: write("huge", strings.Repeat("x", 1<<20+1)), Key: goodKey}, []string{"huge", "larger than 1 MiB"}},
		{"half", transport.Files{Certificate: good}, []string{"Files[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := transport.New(transport.Options{Files: []transport.Files{c.files}})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("want %q in: %v", w, err)
				}
			}
			if strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestFiles_KeyOpenToOthers_IsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	dir := t.TempDir()
	c, k := certs.New(t).Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, dir, "x")
	for mode, want := range map[os.FileMode]struct {
		events int
		log    string
	}{0o600: {0, ""}, 0o400: {0, ""}, 0o640: {0, "its group"}, 0o644: {1, "everybody"}} {
		if err := os.Chmod(k, mode); err != nil {
			t.Fatal(err)
		}
		var rec recorder
		var log bytes.Buffer
		open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Recorder: &rec, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if got := rec.with("chmod 600"); len(got) != want.events {
			t.Errorf("%o: %d events", mode, len(got))
		}
		if !strings.Contains(log.String(), want.log) || (want.log == "" && log.Len() > 0) {
			t.Errorf("%o: logged %q", mode, log.String())
		}
	}
}

// replace writes a pair as careful programs do: other names, then renamed.
func replace(t *testing.T, p certs.Pair, cert, key string) {
	t.Helper()
	for name, text := range map[string][]byte{cert: p.CertPEM, key: p.Key} {
		if err := os.WriteFile(name+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFiles_Changed_AreServedWithoutRestart(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	c, k := ca.Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, dir, "x")
	var rec recorder
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Recorder: &rec})
	run(t, tl)
	leafFor(t, tl, "x.example")
	fresh := ca.Issue(t, certs.Want{Names: []string{"x.example"}})
	replace(t, fresh, c, k)
	eventually(t, "the new certificate", func() bool { return leafFor(t, tl, "x.example").Equal(fresh.Cert) })
	if got := rec.with("read anew"); len(got) != 1 || got[0].Detail["file"] != c {
		t.Errorf("events:\n%s", rec.all())
	}
}

// Kubernetes mounts a secret as links to ..data/NAME, where ..data is a link to
// a folder that is swapped.
func TestFiles_KubernetesSwap_IsSeen(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	put := func(version string) certs.Pair {
		folder := filepath.Join(dir, version)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		p := ca.Issue(t, certs.Want{Names: []string{"x.example"}})
		p.Write(t, folder, "tls")
		if err := os.Symlink(version, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		return p
	}
	put("..1")
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}})
	run(t, tl)
	leafFor(t, tl, "x.example")
	second := put("..2")
	eventually(t, "the second version", func() bool { return leafFor(t, tl, "x.example").Equal(second.Cert) })
}

func TestFiles_BadChange_KeepsTheOldAndIsToldOnce(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	first := ca.Issue(t, certs.Want{Names: []string{"x.example"}})
	c, k := first.Write(t, dir, "x")
	var rec recorder
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Recorder: &rec})
	run(t, tl)
	leafFor(t, tl, "x.example")
	if err := os.WriteFile(c, ca.Issue(t, certs.Want{Names: []string{"x.example"}}).CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an event", func() bool { return len(rec.with("is not used")) > 0 })
	e := rec.with("is not used")
	if e[0].Level != gatehouse.Warning || !strings.Contains(e[0].Words, k) || strings.Contains(e[0].Words, "BEGIN") {
		t.Errorf("event: %+v", e[0])
	}
	if !leafFor(t, tl, "x.example").Equal(first.Cert) {
		t.Error("the old certificate is not served any more")
	}
	// Touched again, the same trouble is not told again.
	if err := os.Chtimes(c, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	fresh := ca.Issue(t, certs.Want{Names: []string{"x.example"}})
	replace(t, fresh, c, k)
	eventually(t, "the repaired pair", func() bool { return leafFor(t, tl, "x.example").Equal(fresh.Cert) })
	if n := len(rec.with("is not used")); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestFiles_CertificateBeforeItsKey_IsNoEvent(t *testing.T) {
	ca, dir := certs.New(t), t.TempDir()
	c, k := ca.Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, dir, "x")
	var rec recorder
	tl := open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Recorder: &rec})
	run(t, tl)
	leafFor(t, tl, "x.example")
	fresh := ca.Issue(t, certs.Want{Names: []string{"x.example"}})
	if err := os.WriteFile(c, fresh.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := os.WriteFile(k, fresh.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new pair", func() bool { return leafFor(t, tl, "x.example").Equal(fresh.Cert) })
	if n := len(rec.with("is not used")); n != 0 {
		t.Errorf("events:\n%s", rec.all())
	}
}

func TestFiles_HostWithoutCertificate_IsToldAtStart(t *testing.T) {
	c, k := certs.New(t).Issue(t, certs.Want{Names: []string{"x.example"}}).Write(t, t.TempDir(), "x")
	var rec recorder
	open(t, transport.Options{Files: []transport.Files{{Certificate: c, Key: k}}, Hosts: []string{"x.example", "y.example"}, Recorder: &rec})
	if len(rec.with("for y.example")) != 1 || len(rec.with("for x.example")) != 0 {
		t.Errorf("events:\n%s", rec.all())
	}
}
