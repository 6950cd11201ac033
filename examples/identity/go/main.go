// Command go is a backend that verifies Gate-Identity with go-jose. It trusts
// nothing but the gate's keys, and answers with whom a request is from.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	leeway = 5 * time.Second
	keep   = 5 * time.Minute // the key set
	again  = time.Second     // the least time between two fetches
	maxSet = 64 << 10
)

// A verifier reads assertions for one backend.
type verifier struct {
	jwks, issuer, audience string
	client                 *http.Client

	mu      sync.Mutex
	keys    jose.JSONWebKeySet
	fetched time.Time
}

func (v *verifier) keyOf(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	age := time.Since(v.fetched)
	if age > keep || len(v.keys.Key(kid)) == 0 && age > again {
		v.fetched = time.Now()
		if err := v.fetch(ctx); err != nil {
			log.Print("the gate's keys: ", err) // the old ones go on
		}
	}
	if found := v.keys.Key(kid); len(found) == 1 && found[0].IsPublic() {
		return found[0], nil
	}
	return jose.JSONWebKey{}, errors.New("of an unknown key")
}

func (v *verifier) fetch(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.jwks, nil)
	if err != nil {
		return err
	}
	answer, err := v.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxSet)).Decode(&set); err != nil {
		return err
	}
	v.keys = set
	return nil
}

type identity struct {
	jwt.Claims
	Provider string   `json:"idp"`
	Roles    []string `json:"roles"`
}

// identity gives what a good assertion says, and an error for any other.
func (v *verifier) identity(ctx context.Context, token string) (who identity, err error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return who, err
	}
	header := parsed.Headers[0]
	if header.ExtraHeaders["typ"] != "gate-identity+jwt" {
		return who, errors.New("of another kind")
	}
	key, err := v.keyOf(ctx, header.KeyID)
	if err != nil {
		return who, err
	}
	if err := parsed.Claims(key, &who); err != nil {
		return who, err
	}
	if who.Expiry == nil || who.Subject == "" { // ValidateWithLeeway takes a missing one for a good one
		return who, errors.New("it has no exp or no sub")
	}
	expected := jwt.Expected{Issuer: v.issuer, AnyAudience: jwt.Audience{v.audience}}
	return who, who.ValidateWithLeeway(expected, leeway)
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, err := v.identity(r.Context(), r.Header.Get("Gate-Identity"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"sub": who.Subject, "idp": who.Provider, "roles": who.Roles}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Print(err)
	}
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	v := &verifier{
		jwks: os.Getenv("GATE_JWKS"), issuer: os.Getenv("GATE_ISSUER"), audience: os.Getenv("GATE_AUDIENCE"),
		client: &http.Client{Timeout: 5 * time.Second},
	}
	server := &http.Server{Handler: v, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(listener))
}
