package eventmatch

import "slices"

// Remove takes id out of the index. It is harmless when id is not there.
func (ix *Index) Remove(id ID) { ix.Apply(Change{ID: id}) }

// Len returns how many definitions the index holds.
func (ix *Index) Len() int { return ix.snap.Load().count }

// EventTypes returns the types the pattern wants, in the order given, each once.
func (p *Pattern) EventTypes() []string { return slices.Clone(p.types) }

// Reference tells whether the event matches the pattern, by decoding the whole
// payload and walking it once per condition. With the index it shares the
// parsed pattern (operands that ignore case are folded in it, numbers are
// decimals) and the standard library, nothing else: it has its own reading of
// the payload's numbers, which it compares as rationals, of letter case, and of
// wildcards, which are regular expressions to it. It is the definition of what
// [Index.Match] must answer, and the answer for one definition where speed does
// not matter.
//
// The error wraps [ErrPayload] when the payload is not JSON.
func Reference(p *Pattern, ev *Event) (bool, error) {
	doc, err := decode(ev)
	if err != nil {
		return false, err
	}
	return p.wantsType(ev) && doc.group(p.root), nil
}
