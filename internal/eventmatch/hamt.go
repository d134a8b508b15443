package eventmatch

import "math/bits"

// hnode is a persistent hash-array-mapped trie: set and del return a new root
// that shares all but one path of nodes with the old one, so readers of an old
// snapshot are never disturbed and an update costs the same at 100,000 entries
// as at 100, give or take a level. Keys are already hashes (or dense numbers).
// A nil *hnode is the empty map.
type hnode[V any] struct {
	leaves, subs uint32 // which of the 32 slots hold an item, which a child
	items        []hitem[V]
	children     []*hnode[V]
}

type hitem[V any] struct {
	key uint64
	val V
}

const hamtBits = 5

// get returns a pointer to the value under key, which must not be written to.
func (n *hnode[V]) get(key uint64) *V {
	rest := key
	for n != nil {
		bit := uint32(1) << (rest & (1<<hamtBits - 1))
		if n.subs&bit != 0 {
			n = n.children[bits.OnesCount32(n.subs&(bit-1))]
			rest >>= hamtBits
			continue
		}
		if n.leaves&bit == 0 {
			return nil
		}
		item := &n.items[bits.OnesCount32(n.leaves&(bit-1))]
		if item.key != key {
			return nil
		}
		return &item.val
	}
	return nil
}

// set returns the map with key mapped to val.
func (n *hnode[V]) set(key uint64, val V) *hnode[V] { return n.setAt(key, val, 0) }

func (n *hnode[V]) setAt(key uint64, val V, shift uint) *hnode[V] {
	bit := uint32(1) << (key >> shift & (1<<hamtBits - 1))
	if n == nil {
		return &hnode[V]{leaves: bit, items: []hitem[V]{{key, val}}}
	}
	c := *n
	switch {
	case n.subs&bit != 0:
		at := bits.OnesCount32(n.subs & (bit - 1))
		c.children = append([]*hnode[V](nil), n.children...)
		c.children[at] = n.children[at].setAt(key, val, shift+hamtBits)
	case n.leaves&bit == 0:
		at := bits.OnesCount32(n.leaves & (bit - 1))
		c.leaves |= bit
		c.items = insertAt(n.items, at, hitem[V]{key, val})
	default:
		at := bits.OnesCount32(n.leaves & (bit - 1))
		old := n.items[at]
		if old.key == key {
			c.items = append([]hitem[V](nil), n.items...)
			c.items[at].val = val
			return &c
		}
		var sub *hnode[V]
		sub = sub.setAt(old.key, old.val, shift+hamtBits).setAt(key, val, shift+hamtBits)
		c.leaves &^= bit
		c.subs |= bit
		c.items = removeAt(n.items, at)
		c.children = insertAt(n.children, bits.OnesCount32(c.subs&(bit-1)), sub)
	}
	return &c
}

// del returns the map without key.
func (n *hnode[V]) del(key uint64) *hnode[V] { return n.delAt(key, 0) }

func (n *hnode[V]) delAt(key uint64, shift uint) *hnode[V] {
	if n == nil {
		return nil
	}
	bit := uint32(1) << (key >> shift & (1<<hamtBits - 1))
	c := *n
	switch {
	case n.subs&bit != 0:
		at := bits.OnesCount32(n.subs & (bit - 1))
		old := n.children[at]
		sub := old.delAt(key, shift+hamtBits)
		switch {
		case sub == old:
			return n
		case sub == nil:
			c.subs &^= bit
			c.children = removeAt(n.children, at)
		case sub.subs == 0 && len(sub.items) == 1:
			// One item left below: pull it up, so that a map that has shrunk
			// looks like one that never grew.
			c.subs &^= bit
			c.children = removeAt(n.children, at)
			c.leaves |= bit
			c.items = insertAt(n.items, bits.OnesCount32(c.leaves&(bit-1)), sub.items[0])
		default:
			c.children = append([]*hnode[V](nil), n.children...)
			c.children[at] = sub
		}
	case n.leaves&bit != 0:
		at := bits.OnesCount32(n.leaves & (bit - 1))
		if n.items[at].key != key {
			return n
		}
		c.leaves &^= bit
		c.items = removeAt(n.items, at)
	default:
		return n
	}
	if c.leaves == 0 && c.subs == 0 {
		return nil
	}
	return &c
}

// each calls f for every value, in no particular order.
func (n *hnode[V]) each(f func(key uint64, val V)) {
	if n == nil {
		return
	}
	for i := range n.items {
		f(n.items[i].key, n.items[i].val)
	}
	for _, child := range n.children {
		child.each(f)
	}
}

func insertAt[T any](s []T, at int, v T) []T {
	out := make([]T, len(s)+1)
	copy(out, s[:at])
	out[at] = v
	copy(out[at+1:], s[at:])
	return out
}

func removeAt[T any](s []T, at int) []T {
	if len(s) == 1 {
		return nil
	}
	out := make([]T, len(s)-1)
	copy(out, s[:at])
	copy(out[at:], s[at+1:])
	return out
}
