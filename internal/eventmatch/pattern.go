package eventmatch

import (
	"net/netip"
	"slices"
	"strings"
)

// Limits on one pattern. A document beyond them is refused with the limit in
// the message; they keep one definition from slowing every event down.
const (
	// MaxEventTypes bounds the list in event_type.
	MaxEventTypes = 100
	// MaxDepth bounds the levels of a key, nested and dotted together, and the
	// nesting of $or.
	MaxDepth = 32
	// MaxConditions bounds the conditions that must hold together.
	MaxConditions = 64
	// MaxCombinations bounds the combinations of $or branches, as EventBridge does.
	MaxCombinations = 1000
	// MaxValues bounds the values and operators of the whole document, each
	// counted once for every combination it takes part in.
	MaxValues = 20_000
	// MaxStringBytes bounds a key, an event type and a string to compare with.
	MaxStringBytes = 4096
	// MaxNumberExponent bounds the power of ten of a number to compare with, and
	// the number of its digits.
	MaxNumberExponent = 1000
	// MaxErrors is how many mistakes are reported at once.
	MaxErrors = 20
)

// An Event is what the matcher looks at: the envelope and the raw payload.
type Event struct {
	// Type is the event's type; Types holds further types it answers to, such
	// as github.issues.opened beside github.issues. Order and repeats do not matter.
	Type  string
	Types []string
	// Source and Subject are the envelope's; empty means absent.
	Source, Subject string
	// Extensions are the envelope's, a JSON object of scalars; empty means none.
	Extensions []byte
	// Payload is one JSON value. Empty, or only white space, means no fields.
	// It is only read, and not kept after a call returns.
	Payload []byte
}

// hasType tells whether the event answers to type t.
func (ev *Event) hasType(t string) bool {
	return ev.Type == t || slices.Contains(ev.Types, t)
}

// A Pattern is a parsed event trigger without its `when`. It is immutable and
// may be shared by any number of goroutines and indexes.
type Pattern struct {
	types []string
	root  *group         // as written, for Reference and Explain
	alts  [][]*condition // one per combination of $or branches, for the index
}

// wantsType tells whether the event has one of the pattern's types.
func (p *Pattern) wantsType(ev *Event) bool {
	for _, t := range p.types {
		if ev.hasType(t) {
			return true
		}
	}
	return false
}

// group is one object of the filters document: all of its conditions and one
// branch of each of its ors must hold.
type group struct {
	conds  []*condition
	ors    [][]*group
	parent string // for a branch, the place of its $or
}

// condition is one key of the document with what its value may be.
type condition struct {
	field    field
	any      []matcher // a value at the path satisfies one of these …
	absent   bool      // … or the path has no value (exists: false)
	where    string    // place in the document, such as "filters.ref"
	expected any       // what the document says there
}

// field names a place in an event: an envelope field, or a path of object keys
// in the payload.
type field struct {
	envelope envelopeField
	keys     []string
	name     string // the keys joined by dots, dots within a key escaped
}

type envelopeField uint8

const (
	inPayload envelopeField = iota
	envelopeType
	envelopeSource
	envelopeSubject
	envelopeFields // how many there are
)

// envelopeKey is the first key of a path that addresses the envelope.
const envelopeKey = "$event"

// extensionsKey is the second key of a path that addresses an extension attribute. Such a path
// stands in the tree of payload paths, below a key that the payload's own members are never
// looked up under.
const extensionsKey = "extensions"

// extension tells whether the field is an extension attribute.
func (f field) extension() bool { return len(f.keys) == 3 && f.keys[0] == envelopeKey }

func extensionName(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// orKey is the key whose value is a list of alternatives.
const orKey = "$or"

type op uint8

const (
	opString op = iota + 1
	opNumber
	opTrue
	opFalse
	opNull
	opPrefix
	opSuffix
	opEqualFold
	opPrefixFold
	opSuffixFold
	opWildcard
	opNumeric
	opExists
	opCIDR
	opAnythingBut
)

// matcher is one thing a value may be. s is the operand of the string
// operators, folded for those that ignore case; the rest is in more.
type matcher struct {
	op   op
	s    string
	more *operand
}

type operand struct {
	number decimal      // opNumber
	bounds bounds       // opNumeric
	net    netip.Prefix // opCIDR
	pieces []string     // opWildcard: the literal text between the asterisks
	not    []matcher    // opAnythingBut
}

// weight counts the values a matcher compares with.
func (m *matcher) weight() int {
	if m.op == opAnythingBut {
		return len(m.more.not)
	}
	return 1
}

// bounds is a numeric range; a missing bound is nil.
type bounds struct {
	low, high         *decimal
	lowOpen, highOpen bool // > rather than >=, < rather than <=
}

// joinKeys writes a path the way a user would: keys joined by dots, a dot or
// backslash inside a key escaped.
func joinKeys(keys []string) string {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte('.')
		}
		for j := 0; j < len(k); j++ {
			if k[j] == '.' || k[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(k[j])
		}
	}
	return b.String()
}
