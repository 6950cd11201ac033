//go:build !race

package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

func TestJudge_MillionsOfShapes_TakeBoundedMemory(t *testing.T) {
	p := newPolicy(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 60_000 {
		p.Judge(taint.Statement{Account: "app", Lexer: postgres, SQL: fmt.Sprintf("select column_%d, %s from table_%d", i, strings.Repeat("x, ", i%50), i)})
		p.Judge(taint.Statement{Account: fmt.Sprint("nobody", i), Lexer: postgres, SQL: "select 1"})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("the caches have grown to %d MiB", grown>>20)
	}
	runtime.KeepAlive(p)
}
