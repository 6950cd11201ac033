package leaks

import "slices"

// An automaton finds all of a set of literals in one pass, whatever the text
// (Aho and Corasick, 1975), as a table of states by classes of bytes. Letters
// of ASCII are the same in either case.
type automaton struct {
	class   [256]uint8
	classes int
	// next is the table; a state is the index of its row's first cell.
	next []uint32
	// final is the first state in which a literal ends: those come last.
	final uint32
	// ends are the literals that end in each state from final on.
	ends [][]int
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// A node is a state while the automaton is made.
type node struct {
	next map[uint8]int
	fail int
	ends []int
}

func newAutomaton(literals []string) *automaton {
	a := &automaton{classes: 1} // class 0 is every byte that no literal has
	for _, l := range literals {
		for i := range len(l) {
			if c := lower(l[i]); a.class[c] == 0 {
				a.class[c] = uint8(a.classes)
				a.classes++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[c|0x20]
	}
	nodes := a.trie(literals)
	order := link(nodes)
	a.fill(nodes, order)
	return a
}

func (a *automaton) trie(literals []string) []node {
	nodes := []node{{next: map[uint8]int{}}}
	for n, l := range literals {
		at := 0
		for i := range len(l) {
			c := a.class[lower(l[i])]
			to, ok := nodes[at].next[c]
			if !ok {
				to = len(nodes)
				nodes[at].next[c] = to
				nodes = append(nodes, node{next: map[uint8]int{}})
			}
			at = to
		}
		nodes[at].ends = append(nodes[at].ends, n)
	}
	return nodes
}

// link sets where each state goes on when no literal does, and gives the
// states in the order of their depth.
func link(nodes []node) []int {
	order := []int{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		for c, to := range nodes[at].next {
			order = append(order, to)
			if at == 0 {
				continue
			}
			f := nodes[at].fail
			for {
				if n, ok := nodes[f].next[c]; ok {
					nodes[to].fail = n
					break
				}
				if f == 0 {
					break
				}
				f = nodes[f].fail
			}
			nodes[to].ends = append(nodes[to].ends, nodes[nodes[to].fail].ends...)
		}
	}
	return order
}

func (a *automaton) fill(nodes []node, order []int) {
	// Numbers: the root, states without an end, states with one.
	number := make([]uint32, len(nodes))
	n := 0
	give := func(ending bool) {
		for _, at := range order {
			if (len(nodes[at].ends) > 0) == ending {
				number[at] = uint32(n * a.classes)
				n++
			}
		}
	}
	give(false)
	a.final = uint32(n * a.classes)
	give(true)
	a.next = make([]uint32, n*a.classes)
	a.ends = make([][]int, n-int(a.final)/a.classes)
	for _, at := range order {
		row := a.next[number[at]:][:a.classes]
		if at != 0 {
			copy(row, a.next[number[nodes[at].fail]:][:a.classes])
		}
		for c, to := range nodes[at].next {
			row[c] = number[to]
		}
		if number[at] >= a.final {
			slices.Sort(nodes[at].ends)
			a.ends[(number[at]-a.final)/uint32(a.classes)] = nodes[at].ends
		}
	}
}

// find follows p from a state, 0 at the beginning, and calls found with each
// literal and the position behind it. It gives the state at the end.
func (a *automaton) find(state uint32, p []byte, found func(literal, end int)) uint32 {
	next, class, final := a.next, &a.class, a.final
	for i := 0; i < len(p); i++ {
		state = next[state+uint32(class[p[i]])]
		if state >= final {
			for _, l := range a.ends[(state-final)/uint32(a.classes)] {
				found(l, i+1)
			}
		}
	}
	return state
}
