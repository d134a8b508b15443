package activitycore

import (
	"fmt"
	"strings"
)

// Warning is about something that is valid and almost never meant. It never changes a verdict.
type Warning struct {
	// Code is the name of the trap in docs/traps.md.
	Code string `json:"code"`
	// Definition is the name of the definition, empty where none is known.
	Definition string `json:"definition,omitempty"`
	// Location is the path of the field, as in [FieldError].
	Location string `json:"location"`
	// Message says what the document means, Remedy what to write instead.
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Value is what was written, shortened; nil where it would add nothing.
	Value any `json:"value,omitempty"`
	// File is the file that was read, empty where it was none; Line and Column (from 1) are the
	// position in the source text, or 0.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// MaxWarnings is how many warnings are told at once.
const MaxWarnings = 1000

func (w Warning) String() string {
	var b strings.Builder
	b.WriteString(w.File)
	if w.Line > 0 {
		if w.File != "" {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%d:%d", w.Line, w.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	} else if w.Definition != "" {
		b.WriteString(w.Definition + ": ")
	}
	if w.Location != "" {
		b.WriteString(w.Location + ": ")
	}
	b.WriteString(w.Text())
	return b.String()
}

// Text is message and remedy, with the value in front where the message does not repeat it.
func (w Warning) Text() string {
	text := w.Message
	if w.Remedy != "" {
		text += "; " + w.Remedy
	}
	if v, ok := w.Value.(string); ok && v != "" && !strings.Contains(w.Message, v) {
		text = fmt.Sprintf("%q %s", v, text)
	}
	return text
}
