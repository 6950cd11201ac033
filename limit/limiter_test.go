package limit_test

import (
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/limit/limittest"
)

func TestMemory_Conforms(t *testing.T) {
	limittest.Run(t, func(t *testing.T, now func() time.Time) limit.Limiter {
		m, err := limit.NewMemory(limit.MemoryOptions{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func TestAllowed_NoTakesOrNoAnswers_Refuses(t *testing.T) {
	if limit.Allowed(nil) || limit.Allowed([]limit.Take{{Key: "k", Rate: limit.Rate{Count: 1, Per: time.Second}}}) {
		t.Error("what nobody answered is allowed")
	}
}
