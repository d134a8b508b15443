package terminal

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// minCut is the fewest columns that a cut cell keeps.
const minCut = 16

// Table writes aligned columns; the first row is the heading. Line breaks in a cell become blanks.
//
// If the rows are wider than columns, the cells below the headings in cut are shortened, the widest
// first; other cells, such as IDs, stay whole. 0 columns is no limit.
func Table(w io.Writer, rows [][]string, columns int, cut ...string) error {
	cells, widths := measure(rows)
	if len(cells) == 0 {
		return nil
	}
	if columns > 0 {
		shrink(widths, cells[0], columns, cut)
	}
	var b strings.Builder
	for _, row := range cells {
		b.WriteString(strings.TrimRight(line(row, widths), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Details writes pairs of name and value, each value whole: the lines of a value of several stand
// below each other. A pair without a value is left out.
func Details(w io.Writer, pairs [][]string) error {
	kept := slices.DeleteFunc(slices.Clone(pairs), func(p []string) bool { return p[1] == "" })
	widest := 0
	for _, p := range kept {
		widest = max(widest, Columns(p[0]))
	}
	var b strings.Builder
	for _, p := range kept {
		lines := strings.Split(strings.TrimRight(strings.ReplaceAll(p[1], "\r\n", "\n"), "\n"), "\n")
		b.WriteString(pad(p[0], widest))
		for i, l := range lines {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", widest))
			}
			b.WriteString("  " + l + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Line is s in one line: what breaks or moves a line becomes a blank, everything else that is not
// shown an escape.
func Line(s string) string {
	return Text(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' || r == '\v' || r == '\f' {
			return ' '
		}
		return r
	}, s))
}

// Cut is s in at most columns columns, the last one an ellipsis if something is missing.
func Cut(s string, columns int) string {
	if Columns(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Columns is how many columns of a terminal s takes (UAX #11).
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func measure(rows [][]string) (cells [][]string, widths []int) {
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = Line(cell)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Columns(clean[i]))
		}
		cells = append(cells, clean)
	}
	return cells, widths
}

// shrink narrows the columns with the headings in cut, the widest first, until all fit or none can
// give more.
func shrink(widths []int, heading []string, columns int, cut []string) {
	over := 2 * (len(widths) - 1)
	for _, w := range widths {
		over += w
	}
	for over -= columns; over > 0; over-- {
		widest := -1
		for i := range heading {
			if slices.Contains(cut, heading[i]) && widths[i] > minCut && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func line(row []string, widths []int) string {
	parts := make([]string, len(row))
	for i, cell := range row {
		parts[i] = pad(Cut(cell, widths[i]), widths[i])
	}
	return strings.Join(parts, "  ")
}

func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Columns(s)))
}
