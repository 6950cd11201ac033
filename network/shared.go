package network

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// Which addresses many people share, and so no strikes may ban. Nothing in a
// request says so; what does is that several accounts, each by a session of its
// own, were answered well from it. An attacker who keeps as many accounts signed
// in is spared too: that is the price, and each of its requests is judged all the
// same. A person's ban holds.
const (
	// sharedMemory is how long a good session counts: over a weekend.
	sharedMemory = 72 * time.Hour
	// maxShared is how many addresses one generation holds; there are two. With
	// eight sessions each they take some 10 MB.
	maxShared = 16_384
	// maxSharedBy bounds Options.SharedBy.
	maxSharedBy = 32
)

type shared struct {
	by         int
	mu         sync.Mutex
	young, old map[netip.Prefix][]goodSession
}

type goodSession struct {
	account uint64
	last    int64 // Unix seconds
}

func newShared(by int) *shared { return &shared{by: by, young: make(map[netip.Prefix][]goodSession)} }

// add notes a good session of an account.
func (s *shared) add(unit netip.Prefix, account string, now time.Time) {
	sum := sha256.Sum256([]byte(account))
	id := binary.LittleEndian.Uint64(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.fetch(unit)
	oldest := 0
	for i := range list {
		if list[i].account == id {
			list[i].last = now.Unix()
			return
		}
		if list[i].last < list[oldest].last {
			oldest = i
		}
	}
	one := goodSession{id, now.Unix()}
	if len(list) < s.by {
		s.young[unit] = append(list, one)
	} else {
		list[oldest] = one
	}
}

// fetch gives the list of an address, moved to the young generation.
func (s *shared) fetch(unit netip.Prefix) []goodSession {
	list, found := s.young[unit]
	if found {
		return list
	}
	if len(s.young) >= maxShared {
		s.young, s.old = make(map[netip.Prefix][]goodSession), s.young
	}
	list = s.old[unit]
	delete(s.old, unit)
	s.young[unit] = list
	return list
}

// count gives the accounts that were good lately.
func (s *shared) count(unit netip.Prefix, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, found := s.young[unit]
	if !found {
		list = s.old[unit]
	}
	n := 0
	for _, one := range list {
		if now.Unix()-one.last < int64(sharedMemory/time.Second) {
			n++
		}
	}
	return n
}

// Good notes that a known account's request from an address was answered well (a
// status under 400): enough accounts in three days (Options.SharedBy), and strikes
// no longer ban the address. account names it, such as by issuer and ID; only a
// hash is kept.
func (n *Network) Good(addr netip.Addr, account string) {
	addr = normal(addr)
	if account == "" || !addr.IsValid() || addr.IsLoopback() {
		return
	}
	n.shared.add(gatehouse.Household(addr), account, n.now())
}
