package transport

import (
	"context"
	"log/slog"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// notes tells people of certificates: an event for the security log, and the
// same words for the operator's.
type notes struct {
	recorder gatehouse.Recorder
	log      *slog.Logger
}

func (n notes) info(ctx context.Context, words string, detail map[string]string) {
	n.tell(ctx, gatehouse.Info, slog.LevelInfo, words, detail)
}

func (n notes) warn(ctx context.Context, words string, detail map[string]string) {
	n.tell(ctx, gatehouse.Warning, slog.LevelWarn, words, detail)
}

func (n notes) critical(ctx context.Context, words string, detail map[string]string) {
	n.tell(ctx, gatehouse.Critical, slog.LevelError, words, detail)
}

func (n notes) tell(ctx context.Context, level gatehouse.Level, log slog.Level, words string, detail map[string]string) {
	attrs := make([]any, 0, 2*len(detail))
	for k, v := range detail {
		attrs = append(attrs, slog.String(k, v))
	}
	n.log.Log(ctx, log, words, attrs...)
	if n.recorder == nil {
		return
	}
	if err := n.recorder.Record(ctx, events.Certificate(words, level, detail)); err != nil {
		n.log.ErrorContext(ctx, "a certificate's event could not be recorded", "error", err)
	}
}
