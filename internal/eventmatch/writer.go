package eventmatch

import "slices"

// writer is the book-keeping that only updates need. Matching never sees it.
type writer struct {
	records  map[ID]*conj // the first combination of each definition
	types    map[string]*typeUse
	paths    map[string]*pathUse
	pathBits map[pathBit]int32   // how many conditions of a type bit look at a path
	uses     map[uint64]int32    // how many conditions an anchor key would serve
	anchored map[anchorUse]int32 // how many combinations are filed under an anchor's kind
	pathIDs  idPool
	typeIDs  idPool
	slots    idPool
	envelope [envelopeFields]int32
	seq      uint64

	typeNames []string // by id
	fields    []field  // of the payload, by path id
}

// typeUse counts the combinations of one event type.
type typeUse struct {
	id           uint32
	all, payload int32
}

type pathUse struct{ id, refs int32 }

// pathBit is one bit of a node's leaf.
type pathBit struct {
	path int32
	bit  uint64
}

// anchorUse is one bit of a seen.
type anchorUse struct {
	typeID uint32
	path   int32
	kind   anchorKind
	rung   uint8
}

// add files a pattern; its id must not be in the index. The pattern is not kept.
func (w *writer) add(s *snapshot, id ID, p *Pattern) {
	slot := w.slots.get()
	s.slots = max(s.slots, w.slots.next)
	s.count++
	var before *conj
	for _, conds := range p.alts {
		c := &conj{id: id, slot: slot, seq: w.seq}
		w.seq++
		if before == nil {
			w.records[id] = c
		} else {
			before.seldom().next = c
		}
		before = c
		payload := looksIntoPayload(conds)
		types := make([]uint32, len(p.types))
		for i, t := range p.types {
			types[i] = w.useType(s, t, payload).id
		}
		needs := make([]pathNeed, len(conds))
		for i, cond := range conds {
			needs[i] = pathNeed{w.usePath(s, types, cond.field), cond}
		}
		filed := make([]int, len(types))
		for i, typeID := range types {
			filed[i] = w.place(s, typeID, needs, c)
		}
		c.encode(types, needs, filed)
	}
}

// remove takes a definition out, if it is there: what add did, undone.
func (w *writer) remove(s *snapshot, id ID) {
	first := w.records[id]
	if first == nil {
		return
	}
	delete(w.records, id)
	s.count--
	for c := first; c != nil; c = c.following() {
		types, needs, filed := c.decode()
		for i, typeID := range types {
			for _, a := range anchorsOf(s.hash, needs, filed[i]) {
				w.unfile(s, typeID, a, c)
			}
			for _, need := range needs {
				w.countUses(s, typeID, need, -1)
			}
		}
		payload := false
		for _, need := range needs {
			f := w.fieldOf(need.path)
			w.freePath(s, types, f)
			payload = payload || f.envelope == inPayload
		}
		for _, typeID := range types {
			w.freeType(s, w.typeNames[typeID], payload)
		}
	}
	w.slots.put(first.slot)
}

func looksIntoPayload(conds []*condition) bool {
	return slices.ContainsFunc(conds, func(c *condition) bool { return c.field.envelope == inPayload })
}

// place files a combination under the cheapest of its conditions, whose index
// it returns, or -1 if it has none that will do.
func (w *writer) place(s *snapshot, typeID uint32, needs []pathNeed, c *conj) int {
	best, bestCost := -1, int64(0)
	for i, need := range needs {
		if cost, ok := w.cost(s, typeID, need); ok && (best < 0 || cost < bestCost) {
			best, bestCost = i, cost
		}
	}
	for _, need := range needs {
		w.countUses(s, typeID, need, 1)
	}
	for _, a := range anchorsOf(s.hash, needs, best) {
		w.file(s, typeID, a, c)
	}
	return best
}

// anchorsOf are the anchors of one of the conditions, each once; that which every event has, if
// it is none of them.
func anchorsOf(h hasher, needs []pathNeed, which int) []anchor {
	if which < 0 {
		return []anchor{{}}
	}
	need := needs[which]
	all := make([]anchor, 0, len(need.cond.any))
	for i := range need.cond.any {
		if a := need.cond.any[i].anchor(h, need.path); !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// cost estimates how many events a condition's anchors let through in vain: as
// many as other definitions want the same value, more for anchors that look at
// part of the value, and much more for those that look only at its kind. It is
// not ok for a condition that an absent value can satisfy.
func (w *writer) cost(s *snapshot, typeID uint32, need pathNeed) (cost int64, ok bool) {
	if need.cond.absent {
		return 0, false
	}
	for i := range need.cond.any {
		a := need.cond.any[i].anchor(s.hash, need.path)
		cost += int64(w.uses[a.key(typeID)])
		switch a.kind {
		case anchorExact, anchorFold:
			cost++
		case anchorPrefix, anchorSuffix, anchorPrefixFold, anchorSuffixFold, anchorIPv4, anchorIPv6:
			cost += 8 + int64(len(rungs)) - int64(a.rung)
		case anchorMagnitude:
			cost += 40 - int64(a.rung)
		case anchorAlways, anchorPresent, anchorText, anchorNumber:
			cost += 1000
		}
	}
	return cost, true
}

// countUses counts the anchors of a condition, whether or not it is the one its
// combination is filed under.
func (w *writer) countUses(s *snapshot, typeID uint32, need pathNeed, by int32) {
	for i := range need.cond.any {
		count(w.uses, need.cond.any[i].anchor(s.hash, need.path).key(typeID), by)
	}
}

// count adds to a counter that is gone at zero, and returns its new value.
func count[K comparable](m map[K]int32, k K, by int32) int32 {
	n := m[k] + by
	if n == 0 {
		delete(m, k)
	} else {
		m[k] = n
	}
	return n
}

// file puts a combination under one anchor.
func (w *writer) file(s *snapshot, typeID uint32, a anchor, c *conj) {
	leaf := slot{key: a.key(typeID)}
	if found := s.anchors.find(leaf.key); found != nil {
		leaf = *found
	}
	s.anchors = s.anchors.with(leaf.filed(c))
	if count(w.anchored, anchorUse{typeID, a.path, a.kind, a.rung}, 1) == 1 {
		w.mark(s, typeID, a, true)
	}
}

// unfile takes a combination from under one anchor.
func (w *writer) unfile(s *snapshot, typeID uint32, a anchor, c *conj) {
	leaf := s.anchors.find(a.key(typeID)).unfiled(c)
	if leaf.one == nil {
		s.anchors = s.anchors.without(leaf.key)
	} else {
		s.anchors = s.anchors.with(leaf)
	}
	if count(w.anchored, anchorUse{typeID, a.path, a.kind, a.rung}, -1) == 0 {
		w.mark(s, typeID, a, false)
	}
}

// mark notes that a kind of anchor is now in use at a path, or no longer.
func (w *writer) mark(s *snapshot, typeID uint32, a anchor, used bool) {
	s.changeType(w.typeNames[typeID], func(ti *typeIndex) {
		if a.kind == anchorAlways {
			ti.always = used
			return
		}
		var in seen
		if found := ti.seen.get(uint64(a.path)); found != nil {
			in = **found
		}
		in[a.kind] &^= 1 << a.rung
		if used {
			in[a.kind] |= 1 << a.rung
		}
		if in == (seen{}) {
			ti.seen = ti.seen.del(uint64(a.path))
		} else {
			ti.seen = ti.seen.set(uint64(a.path), &in)
		}
	})
}
