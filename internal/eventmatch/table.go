package eventmatch

import "math/bits"

// slot is one entry of the persistent table from anchor keys to the
// combinations filed under them: a hash-array-mapped trie like hnode, but with
// everything a look-up touches side by side. A slot is one cache line; a look-up
// touches one per level, and at 100,000 definitions there are three levels.
//
// A branch has one == nil; its key is the bitmap of the 64 slots below it, of
// which sub holds those in use. A leaf has the anchor's key, the first
// combination in one, a few more in rest, and any beyond these in sub, as a
// single branch whose leaves are keyed by conj.seq.
type slot struct {
	key  uint64
	one  *conj
	sub  []slot
	rest []*conj
}

const (
	slotBits = 6
	slotMask = 1<<slotBits - 1
	maxRest  = 31
)

// below returns the slot below branch s that the lowest bits of key lead to, or nil.
func (s *slot) below(key uint64) *slot {
	bit := uint64(1) << (key & slotMask)
	if s.key&bit == 0 {
		return nil
	}
	return &s.sub[bits.OnesCount64(s.key&(bit-1))]
}

// find returns the leaf under key below branch s, or nil.
func (s *slot) find(key uint64) *slot {
	for rest := key; ; rest >>= slotBits {
		s = s.below(rest)
		switch {
		case s == nil:
			return nil
		case s.one == nil:
		case s.key == key:
			return s
		default:
			return nil
		}
	}
}

// with returns branch s with leaf in the place of the one that has its key.
func (s slot) with(leaf slot) slot { return s.withAt(leaf, 0) }

func (s slot) withAt(leaf slot, shift uint) slot {
	bit := uint64(1) << (leaf.key >> shift & slotMask)
	at := bits.OnesCount64(s.key & (bit - 1))
	if s.key&bit == 0 {
		return slot{key: s.key | bit, sub: insertAt(s.sub, at, leaf)}
	}
	old := s.sub[at]
	switch {
	case old.one == nil:
		leaf = old.withAt(leaf, shift+slotBits)
	case old.key != leaf.key:
		leaf = slot{}.withAt(old, shift+slotBits).withAt(leaf, shift+slotBits)
	}
	sub := append([]slot(nil), s.sub...)
	sub[at] = leaf
	return slot{key: s.key, sub: sub}
}

// without returns branch s without the leaf under key, which must be there.
func (s slot) without(key uint64) slot { return s.withoutAt(key, 0) }

func (s slot) withoutAt(key uint64, shift uint) slot {
	bit := uint64(1) << (key >> shift & slotMask)
	at := bits.OnesCount64(s.key & (bit - 1))
	old := s.sub[at]
	if old.one != nil {
		return slot{key: s.key &^ bit, sub: removeAt(s.sub, at)}
	}
	left := old.withoutAt(key, shift+slotBits)
	switch {
	case len(left.sub) == 0:
		return slot{key: s.key &^ bit, sub: removeAt(s.sub, at)}
	case len(left.sub) == 1 && left.sub[0].one != nil:
		left = left.sub[0] // a table that has shrunk looks like one that never grew
	}
	sub := append([]slot(nil), s.sub...)
	sub[at] = left
	return slot{key: s.key, sub: sub}
}

// filed returns a leaf with c filed under it too.
func (s slot) filed(c *conj) slot {
	switch {
	case s.one == nil:
		s.one = c
	case len(s.sub) > 0:
		s.sub = []slot{s.sub[0].with(slot{key: c.seq, one: c})}
	case len(s.rest) < maxRest:
		s.rest = insertAt(s.rest, len(s.rest), c)
	default:
		branch := slot{}.with(slot{key: c.seq, one: c})
		for _, r := range s.rest {
			branch = branch.with(slot{key: r.seq, one: r})
		}
		s.sub, s.rest = []slot{branch}, nil
	}
	return s
}

// unfiled returns a leaf without c; its one is nil when nothing is left.
func (s slot) unfiled(c *conj) slot {
	if s.one != c {
		for i, r := range s.rest {
			if r == c {
				s.rest = removeAt(s.rest, i)
				return s
			}
		}
		s.sub = branchOrNone(s.sub[0].without(c.seq))
		return s
	}
	switch {
	case len(s.rest) > 0:
		s.one, s.rest = s.rest[0], removeAt(s.rest, 0)
	case len(s.sub) > 0:
		next := s.sub[0].anyLeaf()
		s.one, s.sub = next.one, branchOrNone(s.sub[0].without(next.key))
	default:
		s.one = nil
	}
	return s
}

func branchOrNone(branch slot) []slot {
	if len(branch.sub) == 0 {
		return nil
	}
	return []slot{branch}
}

func (s *slot) anyLeaf() *slot {
	for s.one == nil {
		s = &s.sub[0]
	}
	return s
}
