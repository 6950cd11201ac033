package xss

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the tables in testdata; never the corpus")

var freeze = flag.Bool("freeze", false, "write testdata/corpus.json; once, before the rung is tuned to it")

// The seeds: what was looked at while the rung was made, and what was not.
const (
	devSeed  = 20261124
	heldSeed = 8675309
)

// A frozen corpus: half of it was looked at.
type frozen struct {
	Dev  []string `json:"dev"`
	Held []string `json:"held"`
}

// Half of the payloads of each seed.
func generate() frozen {
	half := func(seed uint64) (some []string) {
		for i, p := range Payloads(seed) {
			if i%2 == 0 {
				some = append(some, p)
			}
		}
		return some
	}
	return frozen{half(devSeed), half(heldSeed)}
}

func corpus(t *testing.T) frozen {
	t.Helper()
	text, err := os.ReadFile("testdata/corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	var c frozen
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCorpus_IsWhatTheSeedsGive(t *testing.T) {
	made, err := json.MarshalIndent(generate(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *freeze {
		if err := os.WriteFile("testdata/corpus.json", made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/corpus.json")
	if err != nil || string(text) != string(made) {
		t.Errorf("testdata/corpus.json is not what the generator gives: %v", err)
	}
	c := corpus(t)
	if len(c.Dev)+len(c.Held) != Count || len(Contexts()) != 12 {
		t.Errorf("%d and %d payloads over %d contexts", len(c.Dev), len(c.Held), len(Contexts()))
	}
}
