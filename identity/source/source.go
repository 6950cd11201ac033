// Package source says who a request is from. A [Source] looks for one kind of
// credential: a session of the backend's own (source/backend), a foreign JWT
// (source/jwt), a client's certificate (source/clientcert). The rest of the
// gate sees a gatehouse.Principal and does not care which one told.
//
// It stops nothing by itself: what becomes of nobody, of somebody unknown and
// of a false credential is application/access's. A source trusts what it says
// in its own package, and never a header in which a client names itself.
//
// A request may carry credentials of several kinds. [First] takes the first in
// its order and does not compare them: whoever sends two holds both, but a
// backend that goes by the other one acts for another principal than the gate
// thinks. So the source that the backend goes by is to stand first.
package source

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gatehousehq/gatehouse"
)

// Rung is the layer's name on the ladder.
const Rung = "identity/source"

// An Outcome is what a source knows about a request. The zero value is None.
type Outcome uint8

const (
	// None: there is no credential of this kind.
	None Outcome = iota
	// Known: there is one, and Found.Principal is whose it is.
	Known
	// Unknown: there is one, and its owner is not known yet, such as a session
	// that is older than the gate.
	Unknown
	// Invalid: there is one, and it proves false; Found.Decision says why.
	Invalid
)

var outcomeNames = [...]string{None: "none", Known: "known", Unknown: "unknown", Invalid: "invalid"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// A Found is what a source found in one request.
type Found struct {
	Outcome Outcome
	// Principal is set where the outcome is Known. What it points to is shared
	// with other requests: nobody changes it.
	Principal gatehouse.Principal
	// Decision says, where the outcome is Invalid, by which rule and why.
	Decision gatehouse.Decision
	// Credential names the credential without holding it: a keyed hash, the
	// same for each request that carries it. Zero where the outcome is None, and
	// where what is Invalid is not one credential, or too long to be read.
	Credential [32]byte
}

// A Source finds who a request is from. It reads the request and changes
// nothing of it, and may be called by many at once. The context bounds what it
// waits for, such as an issuer's keys. An error of its own is never Known.
type Source interface {
	Find(ctx context.Context, r *http.Request) Found
}

// First asks the sources in their order, and gives what the first says that
// finds a credential, be it a false one: a credential that proves false is not
// mended by another beside it. Without sources it finds None.
func First(sources ...Source) Source { return first(sources) }

type first []Source

func (s first) Find(ctx context.Context, r *http.Request) Found {
	for _, one := range s {
		if found := one.Find(ctx, r); found.Outcome != None {
			return found
		}
	}
	return Found{}
}
