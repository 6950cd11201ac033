package pgwire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func exchangeSCRAM(t *testing.T, v *verifier, c *scramClient, s *scramServer) error {
	t.Helper()
	s.v = v
	challenge, err := s.first([]byte(c.first()))
	if err != nil {
		return err
	}
	final, err := c.final([]byte(challenge))
	if err != nil {
		return err
	}
	proof, err := s.final([]byte(final))
	if err != nil {
		return err
	}
	return c.verify([]byte(proof))
}

func TestSCRAM_RightPassword_ProvesBothSides(t *testing.T) {
	v, err := newVerifier("pencil", []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client scramClient
		server scramServer
	}{
		"no binding":  {scramClient{header: "n,,"}, scramServer{}},
		"not offered": {scramClient{header: "y,,"}, scramServer{}},
		"bound":       {scramClient{header: "p=tls-server-end-point,,", binding: []byte("hash")}, scramServer{binding: []byte("hash"), plus: true}},
		"could not":   {scramClient{header: "n,,"}, scramServer{binding: []byte("hash")}},
	} {
		c.client.password, c.client.nonce, c.server.nonce = "pencil", "of-client", "of-server"
		if err := exchangeSCRAM(t, v, &c.client, &c.server); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSCRAM_WrongProof_IsRefused(t *testing.T) {
	right, err := newVerifier("pencil", []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*verifier{"wrong password": right, "unknown user": mockVerifier([]byte("secret"), "nobody")} {
		c := &scramClient{header: "n,,", password: "pencils", nonce: "of-client"}
		if err := exchangeSCRAM(t, v, c, &scramServer{nonce: "of-server"}); !errors.Is(err, errProof) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSCRAM_MockVerifier_LooksLikeAUsers(t *testing.T) {
	secret := []byte("secret")
	a, again, b := mockVerifier(secret, "a"), mockVerifier(secret, "a"), mockVerifier(secret, "b")
	if !bytes.Equal(a.salt, again.salt) || bytes.Equal(a.salt, b.salt) || len(a.salt) != saltSize {
		t.Error("an unknown user's salt changes, or is all users'")
	}
	v, err := newVerifier("x", userSalt(secret, "c"))
	if err != nil || len(v.salt) != len(a.salt) {
		t.Errorf("a user's salt has another form: %v", err)
	}
}

// TestSCRAM_RFC7677Vector holds the computation to the RFC's example, whose
// user has a name.
func TestSCRAM_RFC7677Vector(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	v, err := newVerifier("pencil", salt)
	if err != nil {
		t.Fatal(err)
	}
	s := &scramServer{v: v, nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"}
	first, err := s.first([]byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
	if err != nil || first != "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096" {
		t.Fatalf("got %q, %v", first, err)
	}
	answer, err := s.final([]byte("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	if err != nil || answer != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Fatalf("got %q, %v", answer, err)
	}
}

func TestSCRAM_TamperedByTheClient_IsRefused(t *testing.T) {
	v, err := newVerifier("pencil", []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for name, first := range map[string]string{
		"-PLUS taken out on the way":  "y,,n=,r=x",
		"bound without -PLUS":         "p=tls-server-end-point,,n=,r=x",
		"another's identity":          "n,a=admin,n=,r=x",
		"an extension that must be":   "n,,m=x,n=,r=x",
		"no nonce":                    "n,,n=,r=",
		"a nonce that is not printed": "n,,n=,r=\x01",
		"nothing":                     "",
		"no header":                   "x,,n=,r=x",
	} {
		s := &scramServer{v: v, binding: []byte("hash"), nonce: "s"}
		if _, err := s.first([]byte(first)); !errors.Is(err, errSCRAM) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c := &scramClient{header: "p=tls-server-end-point,,", binding: []byte("of a man in the middle"), password: "pencil", nonce: "c"}
	if err := exchangeSCRAM(t, v, c, &scramServer{binding: []byte("hash"), plus: true, nonce: "s"}); !errors.Is(err, errSCRAM) {
		t.Errorf("another channel's binding: got %v", err)
	}
}

func TestSCRAM_HostileServer_IsRefused(t *testing.T) {
	for name, challenge := range map[string]string{
		"another nonce":       "r=other,s=MDEyMw==,i=4096",
		"no nonce of its own": "r=mine,s=MDEyMw==,i=4096",
		"endless iterations":  "r=mine+yours,s=MDEyMw==,i=2000000000",
		"no iterations":       "r=mine+yours,s=MDEyMw==,i=0",
		"no salt":             "r=mine+yours,s=,i=4096",
		"an extension first":  "m=x,r=mine+yours,s=MDEyMw==,i=4096",
		"nothing":             "",
	} {
		c := &scramClient{header: "n,,", nonce: "mine", password: "pencil"}
		if _, err := c.final([]byte(challenge)); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	c := &scramClient{header: "n,,", nonce: "mine", password: "pencil"}
	if _, err := c.final([]byte("r=mine+yours,s=MDEyMw==,i=1")); err != nil {
		t.Fatal(err)
	}
	if err := c.verify([]byte("v=" + strings.Repeat("A", 43) + "=")); err == nil {
		t.Error("a server that does not know the password was taken")
	}
	if err := c.done(); err == nil {
		t.Error("an exchange that was left off was taken")
	}
}

func FuzzSCRAM(f *testing.F) {
	v, err := newVerifier("pencil", []byte("0123456789abcdef"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("n,,n=,r=abc", "c=biws,r=abcserver,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "r=abcserver,s=MDEyMw==,i=1")
	f.Add("p=tls-server-end-point,,n=,r=abc", "c=biws,r=abc,p=", "v=")
	f.Fuzz(func(t *testing.T, first, final, challenge string) {
		for _, s := range []*scramServer{{v: v, nonce: "server"}, {v: v, nonce: "server", binding: []byte("h"), plus: true}} {
			if _, err := s.first([]byte(first)); err != nil {
				continue
			}
			if _, err := s.final([]byte(final)); err == nil {
				t.Fatal("a proof was taken of somebody who does not know the password")
			}
		}
		if strings.Contains(challenge, "i=1") && !strings.Contains(challenge, "i=10") { // cheap ones
			c := &scramClient{header: "n,,", nonce: "abc", password: "x"}
			if _, err := c.final([]byte(challenge)); err == nil && !strings.HasPrefix(challenge, "r=abc") {
				t.Fatal("another nonce was taken")
			}
		}
		if (&scramClient{}).verify([]byte(challenge)) == nil && challenge != "v="+strings.Repeat("A", 43)+"=" && !strings.HasPrefix(challenge, "v="+strings.Repeat("A", 43)+"=,") {
			t.Fatal("a server's proof was taken that is none")
		}
	})
}
