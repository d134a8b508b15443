package envelope

import (
	"strings"

	core "github.com/activity-core/activity-core"
)

// Subject returns the NATS subject of an event type: "activity." and the type, with every byte
// outside [A-Za-z0-9_-] written as %XX, other than dots that separate two non-empty tokens. No
// two types share a subject, and no type makes a subject that NATS refuses or takes for a
// wildcard.
func Subject(eventType string) string {
	var b strings.Builder
	b.Grow(len(core.EventSubjectPrefix) + len(eventType))
	b.WriteString(core.EventSubjectPrefix)
	token := 0 // length of the token being written
	for i := 0; i < len(eventType); i++ {
		c := eventType[i]
		switch {
		case c == '.' && token > 0 && i+1 < len(eventType) && eventType[i+1] != '.':
			b.WriteByte('.')
			token = 0
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-':
			b.WriteByte(c)
			token++
		default:
			const hexDigits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			token++
		}
	}
	return b.String()
}
