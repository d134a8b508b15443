package eventmatch

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// An ID names a definition in an index.
type ID string

// An Index finds the patterns that match an event. The zero value is not
// usable; call [NewIndex]. All methods may be called from any goroutine:
// matching never waits for an update, and sees all of it or nothing.
type Index struct {
	snap    atomic.Pointer[snapshot]
	scratch sync.Pool

	mu sync.Mutex // held while the next snapshot is built
	w  writer
}

// NewIndex returns an empty index.
func NewIndex() *Index { return newIndex(hasher{seed: maphash.MakeSeed()}) }

func newIndex(h hasher) *Index {
	ix := &Index{}
	ix.w = writer{
		records:  map[ID]*conj{},
		types:    map[string]*typeUse{},
		paths:    map[string]*pathUse{},
		pathBits: map[pathBit]int32{},
		uses:     map[uint64]int32{},
		anchored: map[anchorUse]int32{},
	}
	ix.w.pathIDs.next = int32(envelopeFields) // 0 is the root, then the envelope's fields
	ix.snap.Store(&snapshot{hash: h, root: &tnode{}, paths: int32(envelopeFields)})
	return ix
}

// A Change adds, replaces or removes one definition.
type Change struct {
	ID ID
	// Pattern is the definition's new pattern; nil removes it.
	Pattern *Pattern
}

// Add puts p into the index under id, in place of what was there.
func (ix *Index) Add(id ID, p *Pattern) { ix.Apply(Change{id, p}) }

// Apply carries all changes out, in order, as one step: an event is matched
// against the index before them or after them. When it returns, every Match
// that begins sees them.
func (ix *Index) Apply(changes ...Change) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	next := *ix.snap.Load()
	for _, c := range changes {
		ix.w.remove(&next, c.ID)
		if c.Pattern != nil {
			ix.w.add(&next, c.ID, c.Pattern)
		}
	}
	ix.snap.Store(&next)
}

// Match appends the IDs of the patterns that match ev to dst, each once and in
// no particular order, and returns the extended slice. It allocates nothing but
// room in dst.
//
// An error wraps [ErrPayload]: the payload is not JSON, and dst is returned as
// it was. Parts of the payload that no definition for the event's types looks
// at are checked only for closed strings and brackets, and the whole payload is
// left unread when no such definition exists.
func (ix *Index) Match(ev *Event, dst []ID) ([]ID, error) {
	sc, _ := ix.scratch.Get().(*scratch)
	if sc == nil {
		sc = &scratch{}
	}
	sc.out = dst
	err := ix.snap.Load().match(sc, ev)
	out := sc.out
	sc.out = nil
	ix.scratch.Put(sc)
	return out, err
}

func lowest(m uint32) uint8 { return uint8(bits.TrailingZeros32(m)) }

func validUTF8(b []byte) bool { return utf8.Valid(b) }
