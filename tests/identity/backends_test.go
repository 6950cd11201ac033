package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/assertion"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

const (
	issuer   = "https://shop.example.com"
	audience = "http://127.0.0.1:3000"
)

var ann = gatehouse.Principal{ID: "ann", Issuer: "backend", Roles: []string{"admin"}}

// A gate signs assertions and publishes its keys, as far off in time as set.
type gate struct {
	*assertion.Assertions
	store  store.Store
	jwks   *httptest.Server
	offset atomic.Int64
	asked  atomic.Int64
}

func newGate(t *testing.T) *gate {
	t.Helper()
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newGateOn(t, s, audience)
}

func newGateOn(t *testing.T, s store.Store, audience string) *gate {
	t.Helper()
	g := &gate{store: s}
	var err error
	g.Assertions, err = assertion.New(assertion.Options{Store: s, Issuer: issuer, Audience: audience, Lead: 2 * time.Second,
		Now: func() time.Time { return time.Now().Add(time.Duration(g.offset.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	g.jwks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		g.jwks.Close()
		g.Close()
	})
	return g
}

func (g *gate) sign(t *testing.T, off time.Duration) string {
	t.Helper()
	g.offset.Store(int64(off))
	defer g.offset.Store(0)
	text, err := g.Sign(ann, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// backends are how each of the examples is started.
var backends = map[string]func(t *testing.T) *exec.Cmd{
	"node": func(t *testing.T) *exec.Cmd {
		return exec.Command(testkit.Need(t, "node"), example("node", "server.mjs"))
	},
	"python": func(t *testing.T) *exec.Cmd {
		python := testkit.Need(t, "/usr/bin/python3") // Debian's own, which has Debian's modules
		if exec.Command(python, "-c", "import jwt, cryptography").Run() != nil {
			t.Skip("python3-jwt is not installed: scripts/setup.sh installs it")
		}
		return exec.Command(python, example("python", "server.py"))
	},
	"go": func(t *testing.T) *exec.Cmd {
		binary := filepath.Join(t.TempDir(), "backend")
		testkit.Run(t, exec.Command(testkit.Need(t, "go"), "build", "-o", binary, "../../examples/identity/go"))
		return exec.Command(binary)
	},
}

func example(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "examples", "identity"}, parts...)...)
}

func TestBackends_GateIdentity_GoodOnesAloneCount(t *testing.T) {
	for name, command := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			url := start(t, command(t), g)
			for _, c := range cases(t, g) {
				status, body := ask(t, url, c.token)
				want := 401
				if c.good {
					want = 200
				}
				if status != want {
					t.Errorf("%s: %d %s, want %d", c.name, status, strings.TrimSpace(body), want)
				}
				var who struct {
					Sub, IDP string
					Roles    []string
				}
				if c.good && (json.Unmarshal([]byte(body), &who) != nil || who.Sub != "ann" || who.IDP != "backend" || len(who.Roles) != 1) {
					t.Errorf("%s: it takes the request for one of %s", c.name, body)
				}
			}
			followRotation(t, g, url)
		})
	}
}

// followRotation has the gate rotate its key: what either key signs counts
// throughout, and names made up don't make the backend ask all the time.
func followRotation(t *testing.T, g *gate, url string) {
	t.Helper()
	old := g.sign(t, 0)
	if err := g.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var next string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		next = g.sign(t, 0)
		if status, body := ask(t, url, next); status != 200 {
			t.Fatalf("during the rotation: %d %s", status, body)
		}
		if kid(t, next) != kid(t, old) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the next key does not sign")
		}
	}
	if status, body := ask(t, url, old); status != 200 {
		t.Errorf("what the old key signed, after the rotation: %d %s", status, body)
	}
	before, begun := g.asked.Load(), time.Now()
	for n := range 50 {
		header := fmt.Sprintf(`{"alg":"ES256","kid":"made up %d","typ":"gate-identity+jwt"}`, n)
		if status, _ := ask(t, url, b64(header)+next[strings.IndexByte(next, '.'):]); status != 401 {
			t.Errorf("a key's name that is made up: %d", status)
		}
	}
	if n, most := g.asked.Load()-before, int64(time.Since(begun).Seconds())+2; n > most {
		t.Errorf("50 names made up made the backend ask for the keys %d times, want %d at most", n, most)
	}
}

type attempt struct {
	name, token string
	good        bool
}

func cases(t *testing.T, g *gate) []attempt {
	t.Helper()
	good := g.sign(t, 0)
	parts := strings.Split(good, ".")
	id := kid(t, good)
	header := fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"gate-identity+jwt"}`, id)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	set := g.keys(t)
	der, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := strings.Replace(string(claims), `"sub":"ann"`, `"sub":"root"`, 1)
	jwk, err := json.Marshal(jose.JSONWebKey{Key: own.Public(), KeyID: id})
	if err != nil {
		t.Fatal(err)
	}
	return []attempt{
		{"as the gate signs it", good, true},
		{"at the end of its life", g.sign(t, -58*time.Second), true},
		{"by a clock two seconds ahead", g.sign(t, 2*time.Second), true},
		{"none", "", false},
		{"a name", "ann", false},
		{"expired", g.sign(t, -2*time.Minute), false},
		{"of the future", g.sign(t, time.Hour), false},
		{"for another backend", newGateOn(t, g.store, "http://127.0.0.1:4000").sign(t, 0), false},
		{"by another gate", newGate(t).sign(t, 0), false},
		{"claims changed", parts[0] + "." + b64(root) + "." + parts[2], false},
		{"signature stripped", parts[0] + "." + parts[1] + ".", false},
		{"signature of zeros", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), false},
		{"alg none", b64(fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"gate-identity+jwt"}`, id)) + "." + b64(root) + ".", false},
		{"HS256 with the public key", hs256(public, fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"gate-identity+jwt"}`, id), root), false},
		{"the attacker's key under the gate's name", es256(t, own, header, root), false},
		{"the attacker's key brought along", es256(t, own, strings.TrimSuffix(header, "}")+`,"jwk":`+string(jwk)+"}", root), false},
		{"no kid", es256(t, own, `{"alg":"ES256","typ":"gate-identity+jwt"}`, root), false},
	}
}

func (g *gate) keys(t *testing.T) (set jose.JSONWebKeySet) {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("GET", "/_gate/jwks", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("the gate's keys %q: %v", w.Body, err)
	}
	return set
}

func start(t *testing.T, cmd *exec.Cmd, g *gate) string {
	t.Helper()
	cmd.Env = append(os.Environ(), "GATE_JWKS="+g.jwks.URL, "GATE_ISSUER="+issuer, "GATE_AUDIENCE="+audience, "PORT=0")
	p := testkit.Start(t, cmd)
	address := regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)
	return p.WaitFor(t, "address", 20*time.Second, func(said string) string {
		if found := address.FindStringSubmatch(said); found != nil {
			return found[1]
		}
		return ""
	})
}

func ask(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Gate-Identity", token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func es256(t *testing.T, key *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	signed := b64(header) + "." + b64(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func hs256(key []byte, header, claims string) string {
	signed := b64(header) + "." + b64(claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func kid(t *testing.T, token string) string {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Header.KeyID
}
