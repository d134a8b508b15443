package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/activity-core/activity-core/internal/terminal"
)

// progress shows how far something is: on a terminal one line that is drawn again, elsewhere a
// line every now and then.
type progress struct {
	out io.Writer
	// width is that of the terminal; 0 is no terminal.
	width   int
	printed time.Time // the latest line, where there is no terminal
	drawn   int       // characters of the line on the terminal
}

// barEvery is how often a line is printed where there is no terminal.
const barEvery = 10 * time.Second

func newProgress(out io.Writer) progress {
	return progress{out: terminal.Raw(out), width: terminal.Width(out), printed: time.Now()}
}

// show tells that done of total are done, with a text of one line.
func (p *progress) show(done, total int, text string) {
	if p.width > 0 {
		p.draw(done, total, text)
		return
	}
	if now := time.Now(); now.Sub(p.printed) >= barEvery {
		p.printed = now
		fmt.Fprintln(p.out, text)
	}
}

func (p *progress) draw(done, total int, text string) {
	const narrowest, widest = 10, 40
	if room := min(widest, p.width-1-len(text)-len("[] ")); room >= narrowest {
		full := room
		if total > 0 {
			full = room * min(done, total) / total
		}
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", room-full) + "] " + text
	}
	// A line that reaches the last column would begin a new one, and the next \r would leave it
	// behind.
	text = text[:min(len(text), p.width-1)]
	fmt.Fprintf(p.out, "\r%s%s", text, strings.Repeat(" ", max(0, p.drawn-len(text))))
	p.drawn = len(text)
}

// note prints a line of its own.
func (p *progress) note(format string, args ...any) {
	p.end()
	fmt.Fprintln(p.out, terminal.Line(fmt.Sprintf(format, args...)))
}

// end leaves the line on the terminal as it is.
func (p *progress) end() {
	if p.drawn > 0 {
		fmt.Fprintln(p.out)
		p.drawn = 0
	}
}
