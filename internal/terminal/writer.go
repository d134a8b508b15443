package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// Writer passes text on with every character escaped that a terminal obeys or hides: controls other
// than line feed and tab, the C1 controls U+0080 to U+009F, bidirectional controls, separators of
// lines and paragraphs, tag characters, and bytes that are no UTF-8. An escape reads \u001b.
//
// A carriage return before a line feed is dropped. Names, titles, payloads and reasons are
// chosen by whoever sends events; this is the one place that makes them harmless (CWE-150,
// Trojan Source).
type Writer struct {
	mu  sync.Mutex
	out io.Writer
	// json: escapes are JSON's own.
	json bool
	// rest is the beginning of a character whose end has not come yet, at most 3 bytes; or a '\r'.
	rest []byte
}

// NewWriter returns a Writer on out. A Writer is returned as it is.
func NewWriter(out io.Writer) *Writer {
	if w, ok := out.(*Writer); ok {
		return w
	}
	return &Writer{out: out}
}

// NewJSONWriter returns a Writer for a stream of JSON texts, such as a log: escapes are JSON's
// own, so that every value stays what it is.
func NewJSONWriter(out io.Writer) *Writer { return &Writer{out: Raw(out), json: true} }

// Raw is what w writes to, for lines that a program draws again with its own controls. It is w
// itself if that is no Writer.
func Raw(w io.Writer) io.Writer {
	if f, ok := w.(*Writer); ok {
		return f.out
	}
	return w
}

// Width is the number of columns of the terminal that w writes to, 0 if it is none.
func Width(w io.Writer) int {
	f, ok := Raw(w).(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// Write writes all of p, escaped. The end of p may be the beginning of a character.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
		w.rest = nil
	}
	safe := make([]byte, 0, len(text)+16)
	for i := 0; i < len(text); {
		if text[i] == '\r' || !utf8.FullRune(text[i:]) {
			if i+1 == len(text) || text[i] != '\r' {
				w.rest = append(w.rest, text[i:]...)
				break
			}
			if text[i+1] == '\n' {
				i++
				continue
			}
		}
		r, size := utf8.DecodeRune(text[i:])
		if w.json {
			safe = appendJSON(safe, r, text[i:i+size])
		} else {
			safe = appendSafe(safe, r, text[i:i+size])
		}
		i += size
	}
	if _, err := w.out.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what waits for the end of a character that never came.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var safe []byte
	for _, b := range w.rest {
		safe = appendSafe(safe, utf8.RuneError, []byte{b})
	}
	w.rest = nil
	if len(safe) == 0 {
		return nil
	}
	_, err := w.out.Write(safe)
	return err
}

// Text is s as a Writer would write it.
func Text(s string) string {
	safe := make([]byte, 0, len(s))
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		safe = appendSafe(safe, r, []byte(s[i:i+size]))
	}
	return string(safe)
}

// JSON escapes within a JSON text what a Writer would escape, in JSON's own way, so that it is
// still the same value for whoever reads it.
func JSON(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		safe = appendJSON(safe, r, text[i:i+size])
		i += size
	}
	return safe
}

// Shown says whether a terminal shows r in its place, and does nothing else for it.
func Shown(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case unicode.IsControl(r):
		return false
	case r == 0x061c, r == 0x200e, r == 0x200f, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
		return false // bidirectional controls, UAX #9
	case r == 0x2028, r == 0x2029:
		return false
	case r == 0xad, r == 0x200b, 0x2060 <= r && r <= 0x2064, r == 0xfeff, 0xfff9 <= r && r <= 0xfffb, 0xe0000 <= r && r <= 0xe007f:
		return false // soft hyphen, zero-width space, invisible operators, byte order mark, annotations, tags
	}
	return true
}

func appendJSON(safe []byte, r rune, raw []byte) []byte {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return append(safe, `\ufffd`...)
	case r < ' ' || Shown(r):
		return append(safe, raw...) // a control can only be white space between the tokens
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(safe, `\u%04x`, r)
}

func appendSafe(safe []byte, r rune, raw []byte) []byte {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Appendf(safe, `\x%02x`, raw[0])
	case Shown(r):
		return append(safe, raw...)
	case r > 0xffff:
		return fmt.Appendf(safe, `\U%08x`, r)
	}
	return fmt.Appendf(safe, `\u%04x`, r)
}
