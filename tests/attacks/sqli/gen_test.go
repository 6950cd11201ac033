package sqli

import (
	"fmt"
	"testing"
	"time"
)

func TestGen(t *testing.T) {
	for _, split := range []string{"dev", "held-seed", "held-context"} {
		start := time.Now()
		cases, counts, err := Generate(split)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(split, len(cases), time.Since(start))
		for _, c := range counts {
			fmt.Println(c)
		}
		for i := 0; i < len(cases); i += 97 {
			fmt.Printf("%s: %q\n", cases[i].ID, cases[i].SQL)
		}
	}
}
