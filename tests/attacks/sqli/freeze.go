package sqli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Files gives the corpus's files by their names in testdata, from the seeds.
// Which bytes they are packed to goes by the version of the packer; what they
// say does not.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	var sites []Site
	for _, split := range generated {
		at, err := places(split)
		if err != nil {
			return nil, err
		}
		for _, p := range at {
			sites = append(sites, p.Site)
		}
		cases, _ := build(split, at)
		if files[fileName(split)], err = pack(cases); err != nil {
			return nil, err
		}
	}
	var err error
	files[fileName("sites")], err = pack(sites)
	return files, err
}

// generated are the splits that come from the grammar, for PostgreSQL.
var generated = [...]string{"dev", "held-seed", "held-context"}

func fileName(name string) string { return name + ".jsonl.zst" }

// lines writes one JSON value a line.
func lines[T any](all []T) ([]byte, error) {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	for i := range all {
		if err := out.Encode(&all[i]); err != nil {
			return nil, fmt.Errorf("writing line %d: %w", i+1, err)
		}
	}
	return text.Bytes(), nil
}

func pack[T any](all []T) ([]byte, error) {
	text, err := lines(all)
	if err != nil {
		return nil, err
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	defer packer.Close()
	return packer.EncodeAll(text, nil), nil
}
