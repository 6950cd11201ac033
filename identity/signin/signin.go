package signin

import (
	"fmt"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// Rung is the layer's name on the ladder.
const Rung = "identity/signin"

// A Kind is what an attempt is at. The zero value is none.
type Kind uint8

// The kinds of attempt.
const (
	// None: the request is no attempt.
	None Kind = iota
	// SignIn names an account and, mostly, its password.
	SignIn
	// SignUp makes an account.
	SignUp
	// Recovery asks for a message to an account, or ends what that began.
	Recovery
	// SecondFactor brings a code after the password.
	SecondFactor
	// Confirm asks somebody who is signed in for the password again.
	Confirm
	// SignOut ends a session.
	SignOut
	// Coupon brings a code that is worth something and can be guessed.
	Coupon
)

var kindNames = [...]string{
	None: "none", SignIn: "sign_in", SignUp: "sign_up", Recovery: "recovery", SecondFactor: "second_factor",
	Confirm: "confirm", SignOut: "sign_out", Coupon: "coupon",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown kind of attempt %q: want one of %q", text, kindNames)
}

// An Attempt is what a request tries. The zero value is no attempt.
type Attempt struct {
	Kind Kind
	// Route is the request's, as input.Route has it, with the action that a
	// program with one script for all of them was asked for.
	Route string
	// Account is the name that the request is about, as [Account] spells it;
	// empty where it names none.
	Account string
	// Others are further accounts that it names: a backend may take any of them.
	Others []string
	// Secrets are the distinct passwords or codes that it brings, at most
	// MaxSecrets; usually one.
	Secrets []secret.Text
	// Readings is set where the Secrets are one field's, read in several ways (a
	// form's "+" is a space to most, and itself to some): the backend tries one of
	// them, so they are one guess.
	Readings bool
	// AccountAt and SecretAt are where those stood.
	AccountAt, SecretAt gatehouse.Place
	// Ambiguous is set where the request names several accounts, or several
	// secrets in a way that may be several guesses.
	Ambiguous bool
	// Batch is set where it brings more of them than a person's request does.
	Batch bool
	// Declared is set where the route was declared, and Named where words of its
	// path say what it is.
	Declared, Named bool
	// SignsIn is set where a sign-up was declared to sign in whom it registers.
	SignsIn bool
	// SignedIn is set by the caller where the request's session is known to be
	// somebody's already: then an answer for who is signed in proves nothing.
	SignedIn bool
	// Why is one sentence for a person.
	Why string
}

// MaxSecrets bounds the secrets and the further accounts of one attempt.
const MaxSecrets = 4

// Guesses reports whether the attempt tries a secret that could be guessed.
func (a *Attempt) Guesses() bool {
	switch a.Kind {
	case SignIn, SecondFactor, Confirm, Coupon, Recovery:
		return len(a.Secrets) > 0
	}
	return false
}
