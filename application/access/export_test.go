package access

// ProbingHeld is how many entries the watch for probing holds.
func (a *Access) ProbingHeld() int {
	p := a.probing
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.young) + len(p.old) + len(p.commonYoung) + len(p.commonOld)
}
