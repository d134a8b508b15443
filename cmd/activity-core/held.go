//go:build !slim

package main

import (
	"bytes"
	"io"
	"sync"
)

// heldWriter keeps what is written to it until release, and passes it on from then on.
type heldWriter struct {
	out  io.Writer
	mu   sync.Mutex
	held bytes.Buffer
	open bool
}

// maxHeld is how much is kept, bytes; what is more is passed on with all before it.
const maxHeld = 1 << 20

// Write implements [io.Writer].
func (h *heldWriter) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		return h.out.Write(p)
	}
	n, err := h.held.Write(p)
	if h.held.Len() > maxHeld {
		h.let()
	}
	return n, err
}

// release passes on what was kept. It may be called again.
func (h *heldWriter) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.let()
}

func (h *heldWriter) let() {
	h.open = true
	_, _ = h.held.WriteTo(h.out) // a log that cannot be written is nobody's error
}
