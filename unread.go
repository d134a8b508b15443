package activitycore

import "strings"

// Unread are the locations of what a document says and could not be read, or may have wanted to
// say under an unknown name. A fault there has been told: nothing else is said about such a
// place, nor about what merely follows from it.
type Unread []string

// Covers reports whether a location is one of them or lies below one. The location "" is the
// whole document.
func (u Unread) Covers(location string) bool {
	location = plainLocation(location)
	for _, at := range u {
		if at = plainLocation(at); at == "" || within(location, at) {
			return true
		}
	}
	return false
}

// In reports whether one of them is a location, covers it or lies below it.
func (u Unread) In(location string) bool {
	location = plainLocation(location)
	for _, at := range u {
		if within(plainLocation(at), location) {
			return true
		}
	}
	return u.Covers(location)
}

func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// plainLocation writes with.headers["a b"] as with.headers.a b: both are in use for a key that
// is no identifier.
func plainLocation(location string) string {
	if !strings.Contains(location, `["`) {
		return location
	}
	return strings.ReplaceAll(strings.ReplaceAll(location, `["`, "."), `"]`, "")
}
