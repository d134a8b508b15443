//go:build !slim

package main

import (
	"bytes"
	"io"
	"testing"
)

func TestTheLogWaitsForTheBanner(t *testing.T) {
	var out bytes.Buffer
	h := &heldWriter{out: &out}
	say := func(w io.Writer, text string) {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	say(h, "an outage has ended\n")
	say(&out, "ready\n")
	h.release()
	h.release()
	say(h, "something new\n")
	if got, want := out.String(), "ready\nan outage has ended\nsomething new\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	out.Reset()
	h = &heldWriter{out: &out}
	say(h, string(make([]byte, maxHeld+1)))
	if out.Len() != maxHeld+1 {
		t.Errorf("%d bytes were passed on before the banner, want all %d: they are too many to keep", out.Len(), maxHeld+1)
	}
}
