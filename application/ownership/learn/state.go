package learn

import "context"

func (l *Learner) load(context.Context) error { l.key = newKey([32]byte{1}); return nil }
