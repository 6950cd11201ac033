package benign

import (
	"sync"
	"testing"
)

// loads have each recording read once for all tests, which is most of their time.
var loads sync.Map // func() ([]Exchange, error) by app

// Loaded is [Load], once for all tests: they only read what it gives.
func Loaded(t testing.TB, app string) []Exchange {
	t.Helper()
	load, _ := loads.LoadOrStore(app, sync.OnceValues(func() ([]Exchange, error) { return Load(app) }))
	exchanges, err := load.(func() ([]Exchange, error))()
	if err != nil {
		t.Fatal(err)
	}
	return exchanges
}
