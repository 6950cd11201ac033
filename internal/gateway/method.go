package gateway

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file holds a request to the methods that its body names, as frameworks let
// forms do: application/access has decided before the body was read.

// maxNamed bounds the methods that are looked at of one body: a form means one.
const maxNamed = 4

// namedMethodRung asks application/access again where the body names a method.
func namedMethodRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		if t.x.Inputs == nil {
			return gatehouse.Passed()
		}
		if t.x.Inputs.Streamed() {
			t.watchMethods()
		}
		return t.mayBe(t.namedMethods())
	}, nil
}

// namedMethods are those that the body names, as far as it is there.
func (t *transit) namedMethods() (named []string) {
	if t.x.Inputs == nil {
		return nil
	}
	for _, in := range t.x.Inputs.Body() {
		if namesMethod(in.Place) {
			named = addMethod(named, in.Value)
		}
	}
	return named
}

// mayBe decides as if the request were of each method.
func (t *transit) mayBe(methods []string) gatehouse.Decision {
	if len(methods) == 0 {
		return gatehouse.Passed()
	}
	q := t.wants(methods)
	d := t.asm.who.access.Check(q, t.gate.now())
	if d.Verdict == gatehouse.Pass {
		return d // noted already, of the request's own method
	}
	return t.noted(q, d)
}

// watchMethods decides about fields that come while the body is on its way; a
// refusal ends the reading before the backend has them.
func (t *transit) watchMethods() {
	rung := t.asm.rungByName(access.Rung)
	named := 0
	t.x.Inputs.OnInput(func(in input.Input) error {
		if !namesMethod(in.Place) {
			return nil
		}
		named++
		methods := addMethod(nil, in.Value)
		if named > maxNamed {
			methods = []string{""}
		}
		d := t.guarded(rung, func() gatehouse.Decision { return t.mayBe(methods) })
		if d, ok := t.judge(rung, d); !ok {
			t.late.Store(&d)
			return &refusedError{d}
		}
		return nil
	})
}

// addMethod adds what a field names; more than anybody means become a method that
// no rule names.
func addMethod(named []string, value string) []string {
	m := strings.ToUpper(strings.TrimSpace(value))
	if m == "" || slices.Contains(named, m) || len(named) > maxNamed {
		return named
	}
	if len(named) == maxNamed {
		m = ""
	}
	return append(named, m)
}

// namesMethod reports whether a field is one by which frameworks take another
// method: _method in Rails, Laravel, Symfony, Express and Spring (PHP reads a dot, a
// space and a bracket at its beginning as an underscore), the header's name in
// ASP.NET.
func namesMethod(p gatehouse.Place) bool {
	if p.Kind != gatehouse.Form && p.Kind != gatehouse.Multipart && p.Kind != gatehouse.JSON {
		return false
	}
	const underscored, header = "_method", "x-http-method-override"
	switch len(p.Name) {
	case len(underscored):
		return strings.IndexByte("_. [", p.Name[0]) >= 0 && strings.EqualFold(p.Name[1:], underscored[1:])
	case len(header):
		return strings.EqualFold(p.Name, header)
	}
	return false
}
