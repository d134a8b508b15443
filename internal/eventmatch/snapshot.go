package eventmatch

// A snapshot is one state of the index. It never changes once published, so any
// number of goroutines match against it while the next one is being built.
type snapshot struct {
	hash    hasher
	types   *hnode[*typeIndex] // by hash of the type
	anchors slot               // by anchor.key
	root    *tnode             // payload paths
	paths   int32              // ids below this are in use
	slots   int32              // record slots below this are in use
	count   int

	envelopeUsed uint32 // bit n: some definition filters on envelopeField n
}

// typeIndex is what the index knows about one event type.
type typeIndex struct {
	name    string
	id      uint32        // dense; part of every anchor key
	sibling *typeIndex    // another type whose name hashes alike
	always  bool          // some definitions have no anchor
	payload bool          // some look into the payload
	seen    *hnode[*seen] // by path id: the anchors in use
}

// scratch is the working memory of one Match. It is reused, so that an event
// that matches nothing costs no allocation.
type scratch struct {
	scanner
	snap       *snapshot
	ev         *Event
	tis        []*typeIndex
	heads      []int32  // by path id: index+1 of its first value
	hits       []uint32 // by record slot: the event that last hit it
	event      uint32   // number of the event being matched
	out        []ID
	lookups    []lookup // for one event type
	candidates []*conj
	touched    uint32 // see findAll and checkAll
	extras     []extra
	reach      []uint64 // for together
}

// match appends the IDs of the patterns that match ev to sc.out.
func (s *snapshot) match(sc *scratch, ev *Event) error {
	sc.begin(s, ev)
	defer sc.end()
	payload := sc.addType(ev.Type)
	for _, t := range ev.Types {
		if sc.addType(t) {
			payload = true
		}
	}
	if len(sc.tis) == 0 {
		return nil
	}
	if payload {
		if err := sc.scan(ev.Payload, s.root); err != nil {
			return err
		}
	}
	sc.addEnvelope()
	if err := sc.addExtensions(); err != nil {
		return err
	}
	sc.link()
	for _, ti := range sc.tis {
		if ti.always {
			sc.lookUp(ti, anchor{})
		}
		if ti.seen != nil {
			sc.anchored(ti)
		}
		sc.findAll()
		sc.checkAll(ti.id)
	}
	return nil
}

func (sc *scratch) begin(s *snapshot, ev *Event) {
	sc.snap, sc.ev, sc.hash = s, ev, s.hash
	sc.types = 0
	if n := int(s.paths) - len(sc.heads); n > 0 {
		sc.heads = append(sc.heads, make([]int32, n)...)
		sc.stamps = append(sc.stamps, make([]stamp, n)...)
	}
	if n := int(s.slots) - len(sc.hits); n > 0 {
		sc.hits = append(sc.hits, make([]uint32, n)...)
	}
	if sc.event++; sc.event == 0 {
		clear(sc.hits)
		sc.event = 1
	}
	if sc.object > 1<<31 {
		clear(sc.stamps)
		sc.object = 0
	}
}

// end forgets the event, so that neither it nor the snapshot is kept alive.
func (sc *scratch) end() {
	for i := range sc.vals {
		if p := sc.vals[i].path; p >= 0 {
			sc.heads[p] = 0
		}
	}
	clear(sc.vals)
	clear(sc.tis)
	clear(sc.extras)
	sc.vals, sc.tis, sc.extras = sc.vals[:0], sc.tis[:0], sc.extras[:0]
	sc.frames, sc.buf, sc.digits = sc.frames[:0], sc.buf[:0], sc.digits[:0]
	sc.snap, sc.ev, sc.b = nil, nil, nil
	sc.problem, sc.at = "", 0
}

// typeNamed returns what the index knows about a type, or nil.
func (s *snapshot) typeNamed(name string) *typeIndex {
	found := s.types.get(s.hash.string(name))
	if found == nil {
		return nil
	}
	ti := *found
	for ti != nil && ti.name != name {
		ti = ti.sibling
	}
	return ti
}

// addType looks an event type up and tells whether its definitions look into
// the payload.
func (sc *scratch) addType(t string) bool {
	ti := sc.snap.typeNamed(t)
	if ti == nil {
		return false
	}
	for _, other := range sc.tis {
		if other == ti {
			return false
		}
	}
	sc.tis = append(sc.tis, ti)
	if ti.payload {
		sc.types |= typeBit(ti.id)
	}
	return ti.payload
}

// addEnvelope makes the envelope's fields values at their reserved paths.
func (sc *scratch) addEnvelope() {
	sc.addField(envelopeType, sc.ev.Type)
	for _, t := range sc.ev.Types {
		sc.addField(envelopeType, t)
	}
	sc.addField(envelopeSource, sc.ev.Source)
	sc.addField(envelopeSubject, sc.ev.Subject)
}

// addExtensions reads the extension attributes that some definition looks at.
func (sc *scratch) addExtensions() error {
	if len(sc.ev.Extensions) == 0 || sc.types == 0 {
		return nil
	}
	node := sc.snap.root.child(sc.hash, []byte(envelopeKey))
	if node != nil {
		node = node.child(sc.hash, []byte(extensionsKey))
	}
	if node == nil {
		return nil
	}
	if err := sc.scan(sc.ev.Extensions, node); err != nil {
		return err
	}
	return nil
}

func (sc *scratch) addField(f envelopeField, s string) {
	if s == "" || !sc.wanted(int32(f)) {
		return
	}
	at := len(sc.buf)
	sc.buf = append(sc.buf, s...)
	text := sc.buf[at:len(sc.buf):len(sc.buf)]
	if !validUTF8(text) {
		at = len(sc.buf)
		sc.buf = appendValid(sc.buf, text)
		text = sc.buf[at:len(sc.buf):len(sc.buf)]
	}
	sc.vals = append(sc.vals, value{text: text, path: int32(f), frame: -1, kind: kindString})
}

// wanted tells whether any definition filters on an envelope field.
func (sc *scratch) wanted(path int32) bool {
	return sc.snap.envelopeUsed&(1<<path) != 0
}

// link chains the values at each path, dropping those a duplicate key replaced.
func (sc *scratch) link() {
	for i := len(sc.vals) - 1; i >= 0; i-- {
		v := &sc.vals[i]
		if v.path < 0 {
			continue
		}
		v.next = sc.heads[v.path] - 1
		sc.heads[v.path] = int32(i) + 1
	}
}

// anchored looks every value up under the anchors its path has for one type.
func (sc *scratch) anchored(ti *typeIndex) {
	for i := range sc.vals {
		v := &sc.vals[i]
		if v.path < 0 {
			continue
		}
		found := ti.seen.get(uint64(v.path))
		if found == nil {
			continue
		}
		in := *found
		first := sc.heads[v.path] == int32(i)+1
		if in[anchorPresent] != 0 && first {
			sc.lookUp(ti, anchor{kind: anchorPresent, path: v.path})
		}
		switch v.kind {
		case kindString:
			sc.anchoredText(ti, v, in)
		case kindNumber:
			if in[anchorExact] != 0 {
				sc.lookUp(ti, anchor{kind: anchorExact, path: v.path, hash: v.num.hash()})
			}
			if in[anchorNumber] != 0 {
				sc.lookUp(ti, anchor{kind: anchorNumber, path: v.path})
			}
			for m := in[anchorMagnitude]; m != 0; m &= m - 1 {
				level := lowest(m)
				sc.lookUp(ti, anchor{kind: anchorMagnitude, rung: level, path: v.path, hash: v.num.cell(level)})
			}
		case kindTrue, kindFalse, kindNull:
			if in[anchorExact] != 0 {
				h := [...]uint64{kindTrue: hashTrue, kindFalse: hashFalse, kindNull: hashNull}[v.kind]
				sc.lookUp(ti, anchor{kind: anchorExact, path: v.path, hash: h})
			}
		}
	}
}

func (sc *scratch) anchoredText(ti *typeIndex, v *value, in *seen) {
	if in[anchorText] != 0 {
		sc.lookUp(ti, anchor{kind: anchorText, path: v.path})
	}
	if in[anchorExact] != 0 {
		sc.lookUp(ti, anchor{kind: anchorExact, path: v.path, hash: sc.hash.bytes(v.text)})
	}
	if in[anchorPrefix]|in[anchorSuffix] != 0 {
		sc.parts(ti, v.path, anchorPrefix, in[anchorPrefix], v.text, false)
		sc.parts(ti, v.path, anchorSuffix, in[anchorSuffix], v.text, true)
	}
	if in[anchorFold]|in[anchorPrefixFold]|in[anchorSuffixFold] != 0 {
		folded := sc.folded(v)
		if in[anchorFold] != 0 {
			sc.lookUp(ti, anchor{kind: anchorFold, path: v.path, hash: sc.hash.bytes(folded)})
		}
		sc.parts(ti, v.path, anchorPrefixFold, in[anchorPrefixFold], folded, false)
		sc.parts(ti, v.path, anchorSuffixFold, in[anchorSuffixFold], folded, true)
	}
	if in[anchorIPv4]|in[anchorIPv6] != 0 {
		if a := sc.addr(v); a.IsValid() {
			k, ladder := anchorIPv4, rungs4[:]
			if a.Is6() {
				k, ladder = anchorIPv6, rungs6[:]
			}
			for m := in[k]; m != 0; m &= m - 1 {
				r := lowest(m)
				net, _ := a.Prefix(ladder[r])
				sc.lookUp(ti, anchor{kind: k, rung: r, path: v.path, hash: hashPrefix(sc.hash, net)})
			}
		}
	}
}

// parts looks up the beginnings or ends of a text, at the rungs in use.
func (sc *scratch) parts(ti *typeIndex, path int32, k anchorKind, used uint32, text []byte, fromEnd bool) {
	for m := used; m != 0; m &= m - 1 {
		r := lowest(m)
		n := rungs[r]
		if n > len(text) {
			return
		}
		part := text[:n]
		if fromEnd {
			part = text[len(text)-n:]
		}
		sc.lookUp(ti, anchor{kind: k, rung: r, path: path, hash: sc.hash.bytes(part)})
	}
}

// A lookup is the search for one anchor key, and how far it has come.
type lookup struct {
	key uint64
	at  *slot
}

// lookUp notes an anchor for findAll.
func (sc *scratch) lookUp(ti *typeIndex, a anchor) {
	sc.lookups = append(sc.lookups, lookup{a.key(ti.id), &sc.snap.anchors})
}

// findAll gathers every combination filed under the anchors noted. All searches
// take one step down the table before any takes the next: the reads of one step
// do not wait for each other, so that they come from memory all at once.
func (sc *scratch) findAll() {
	all := sc.lookups
	for shift := uint(0); len(sc.lookups) > 0; shift += slotBits {
		open := sc.lookups[:0]
		for _, l := range sc.lookups {
			switch {
			case l.at.one == nil:
				if l.at = l.at.below(l.key >> shift); l.at != nil {
					sc.touched += uint32(l.at.key)
					open = append(open, l)
				}
			case l.at.key == l.key:
				sc.candidates = append(append(sc.candidates, l.at.one), l.at.rest...)
				for i := range l.at.sub {
					sc.gather(&l.at.sub[i])
				}
			}
		}
		sc.lookups = open
	}
	clear(all)
}

func (sc *scratch) gather(s *slot) {
	if s.one != nil {
		sc.candidates = append(sc.candidates, s.one)
	}
	for i := range s.sub {
		sc.gather(&s.sub[i])
	}
}

// checkAll checks the candidates gathered for one event type. It first reads a
// word of each: these reads do not wait for each other, so that the candidates
// come from memory all at once and not one after the other.
func (sc *scratch) checkAll(typeID uint32) {
	for _, c := range sc.candidates {
		sc.touched += uint32(c.slot) + uint32(c.code[inlineCode-1])
	}
	for _, c := range sc.candidates {
		sc.check(c, typeID)
	}
	clear(sc.candidates)
	sc.candidates = sc.candidates[:0]
}

// check appends the candidate's ID if all of its conditions hold and it is not
// there yet.
func (sc *scratch) check(c *conj, typeID uint32) {
	if !sc.holds(c, typeID) {
		return
	}
	if hit := &sc.hits[c.slot]; *hit != sc.event {
		*hit = sc.event
		sc.out = append(sc.out, c.id)
	}
}
