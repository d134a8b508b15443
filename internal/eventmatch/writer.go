package eventmatch

import "slices"

// writer is the book-keeping that only updates need. Matching never sees it.
type writer struct {
	records  map[ID]*record
	types    map[uint64]*typeUse
	paths    map[string]*pathUse
	pathBits map[pathBit]int32   // how many conditions of a type bit look at a path
	uses     map[uint64]int32    // how many conditions an anchor key would serve
	anchored map[anchorUse]int32 // how many combinations are filed under an anchor's kind
	pathIDs  idPool
	slots    idPool
	envelope [envelopeFields]int32
	seq      uint64
}

// typeUse counts the combinations of one event type.
type typeUse struct{ all, payload int32 }

type pathUse struct{ id, refs int32 }

type pathBit struct {
	path int32
	bit  uint8
}

// anchorUse is one bit of a seen.
type anchorUse struct {
	typeHash uint64
	path     int32
	kind     anchorKind
	rung     uint8
}

// add files a pattern; its id must not be in the index.
func (w *writer) add(s *snapshot, id ID, p *Pattern) {
	rec := &record{id: id, slot: w.slots.get(), pattern: p}
	w.records[id] = rec
	s.slots = max(s.slots, w.slots.next)
	s.count++
	for _, conds := range p.alts {
		c := &conj{rec: rec, seq: w.seq, needs: make([]pathNeed, len(conds))}
		w.seq++
		rec.conjs = append(rec.conjs, c)
		for i, cond := range conds {
			c.needs[i] = pathNeed{w.usePath(s, p, cond.field), cond}
		}
		for _, typeHash := range typeHashes(s, p) {
			w.useType(s, typeHash, c, 1)
			w.place(s, typeHash, c)
		}
	}
}

// remove takes a definition out, if it is there: what add did, undone from the
// last step to the first.
func (w *writer) remove(s *snapshot, id ID) {
	rec := w.records[id]
	if rec == nil {
		return
	}
	delete(w.records, id)
	s.count--
	for i := range rec.placed {
		w.unfile(s, &rec.placed[i])
	}
	for _, c := range rec.conjs {
		for _, typeHash := range typeHashes(s, rec.pattern) {
			for _, need := range c.needs {
				w.countUses(s, typeHash, need, -1)
			}
			w.useType(s, typeHash, c, -1)
		}
		for _, need := range c.needs {
			w.freePath(s, rec.pattern, need.cond.field)
		}
	}
	w.slots.put(rec.slot)
}

// typeHashes returns the hash of each of a pattern's types, each hash once.
func typeHashes(s *snapshot, p *Pattern) []uint64 {
	out := make([]uint64, 0, 4)
	for _, t := range p.types {
		if h := s.hash.string(t); !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// place files a combination under the cheapest of its conditions.
func (w *writer) place(s *snapshot, typeHash uint64, c *conj) {
	best, bestCost := -1, int64(0)
	for i, need := range c.needs {
		if cost, ok := w.cost(s, typeHash, need); ok && (best < 0 || cost < bestCost) {
			best, bestCost = i, cost
		}
	}
	for _, need := range c.needs {
		w.countUses(s, typeHash, need, 1)
	}
	if best < 0 {
		w.file(s, typeHash, anchor{}, c)
		return
	}
	first := len(c.rec.placed)
	for i := range c.needs[best].cond.any {
		a := c.needs[best].cond.any[i].anchor(s.hash, c.needs[best].path)
		same := func(pl placement) bool { return pl.at == a }
		if !slices.ContainsFunc(c.rec.placed[first:], same) {
			w.file(s, typeHash, a, c)
		}
	}
}

// cost estimates how many events a condition's anchors let through in vain: as
// many as other definitions want the same value, more for anchors that look at
// part of the value, and much more for those that look only at its kind. It is
// not ok for a condition that an absent value can satisfy.
func (w *writer) cost(s *snapshot, typeHash uint64, need pathNeed) (cost int64, ok bool) {
	if need.cond.absent {
		return 0, false
	}
	for i := range need.cond.any {
		a := need.cond.any[i].anchor(s.hash, need.path)
		cost += int64(w.uses[a.key(typeHash)])
		switch a.kind {
		case anchorExact, anchorFold:
			cost++
		case anchorPrefix, anchorSuffix, anchorPrefixFold, anchorSuffixFold, anchorIPv4, anchorIPv6:
			cost += 8 + int64(len(rungs)) - int64(a.rung)
		case anchorMagnitude:
			cost += 40 - int64(a.rung)
		default:
			cost += 1000
		}
	}
	return cost, true
}

// countUses counts the anchors of a condition, whether or not it is the one its
// combination is filed under.
func (w *writer) countUses(s *snapshot, typeHash uint64, need pathNeed, by int32) {
	for i := range need.cond.any {
		count(w.uses, need.cond.any[i].anchor(s.hash, need.path).key(typeHash), by)
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
func (w *writer) file(s *snapshot, typeHash uint64, a anchor, c *conj) {
	key := a.key(typeHash)
	var p posting
	if found := s.anchors.get(key); found != nil {
		p = *found
	}
	s.anchors = s.anchors.set(key, p.add(c))
	c.rec.placed = append(c.rec.placed, placement{typeHash, a, c})
	if count(w.anchored, anchorUse{typeHash, a.path, a.kind, a.rung}, 1) == 1 {
		s.mark(typeHash, a, true)
	}
}

// unfile takes a combination from under one anchor.
func (w *writer) unfile(s *snapshot, pl *placement) {
	typeHash, a := pl.typeHash, pl.at
	key := a.key(typeHash)
	if found := s.anchors.get(key); found != nil {
		if p := found.remove(pl.conj); p.empty() {
			s.anchors = s.anchors.del(key)
		} else {
			s.anchors = s.anchors.set(key, p)
		}
	}
	if count(w.anchored, anchorUse{typeHash, a.path, a.kind, a.rung}, -1) == 0 {
		s.mark(typeHash, a, false)
	}
}

// mark notes that a kind of anchor is now in use at a path, or no longer.
func (s *snapshot) mark(typeHash uint64, a anchor, used bool) {
	ti := **s.types.get(typeHash)
	if a.kind == anchorAlways {
		ti.always = used
	} else {
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
	}
	s.types = s.types.set(typeHash, &ti)
}

// useType counts a combination of an event type.
func (w *writer) useType(s *snapshot, typeHash uint64, c *conj, by int32) {
	use := w.types[typeHash]
	if use == nil {
		use = &typeUse{}
		w.types[typeHash] = use
		s.types = s.types.set(typeHash, &typeIndex{hash: typeHash})
	}
	use.all += by
	if use.all == 0 {
		delete(w.types, typeHash)
		s.types = s.types.del(typeHash)
		return
	}
	before := use.payload > 0
	for _, need := range c.needs {
		if need.path >= int32(envelopeFields) {
			use.payload += by
			break
		}
	}
	if after := use.payload > 0; after != before {
		ti := **s.types.get(typeHash)
		ti.payload = after
		s.types = s.types.set(typeHash, &ti)
	}
}

// usePath returns the id of a path, making it wanted by the pattern's types.
func (w *writer) usePath(s *snapshot, p *Pattern, f field) int32 {
	if f.envelope != inPayload {
		w.envelope[f.envelope]++
		s.envelopeUsed |= 1 << f.envelope
		return int32(f.envelope)
	}
	use := w.paths[f.name]
	if use == nil {
		use = &pathUse{}
		w.paths[f.name] = use
	}
	use.refs++
	for _, t := range p.types {
		typeHash := s.hash.string(t)
		bit := typeBit(typeHash)
		if use.id == 0 || count(w.pathBits, pathBit{use.id, uint8(typeHash >> 58)}, 1) == 1 {
			first := use.id == 0
			s.root, use.id = s.root.plant(s.hash, f.keys, bit, w.pathIDs.get)
			if first {
				count(w.pathBits, pathBit{use.id, uint8(typeHash >> 58)}, 1)
			}
		}
	}
	s.paths = max(s.paths, w.pathIDs.next)
	return use.id
}

// freePath undoes usePath.
func (w *writer) freePath(s *snapshot, p *Pattern, f field) {
	if f.envelope != inPayload {
		if w.envelope[f.envelope]--; w.envelope[f.envelope] == 0 {
			s.envelopeUsed &^= 1 << f.envelope
		}
		return
	}
	use := w.paths[f.name]
	for _, t := range p.types {
		typeHash := s.hash.string(t)
		if count(w.pathBits, pathBit{use.id, uint8(typeHash >> 58)}, -1) > 0 {
			continue
		}
		s.root = s.root.uproot(s.hash, f.keys, typeBit(typeHash), w.pathIDs.put)
	}
	if use.refs--; use.refs == 0 {
		delete(w.paths, f.name)
	}
}
