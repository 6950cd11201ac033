package throwaway

import (
	"errors"
	"strings"
	"testing"
)

func TestFind_NotInstalled_IsMissingByName(t *testing.T) {
	if _, err := find("postgres-of-no-version"); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "postgres-of-no-version") {
		t.Errorf("got %v", err)
	}
}
