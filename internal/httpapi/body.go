package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// defaultBodyTime is how long the body of a request may take to arrive; the largest, 32 MiB,
	// needs a megabyte a second.
	defaultBodyTime = 30 * time.Second
	// refusedTime is how long the server waits for what follows a request that it has refused.
	refusedTime = 5 * time.Second
)

// timedBody bounds the time in which a body arrives, and that time only: once it is there the
// deadline is lifted, whoever set it. net/http does so itself where there is a body; where
// there is none, the deadline that huma sets before it looks would pass for a client that went
// away, and cancel a request that takes longer.
type timedBody struct {
	io.ReadCloser
	rc *http.ResponseController
}

func timeBody(w http.ResponseWriter, r *http.Request, most time.Duration) {
	b := &timedBody{r.Body, http.NewResponseController(w)}
	if r.Body != http.NoBody {
		_ = b.rc.SetReadDeadline(time.Now().Add(most)) // a writer without deadlines (a test's) has no slow client
	}
	r.Body = b
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}
