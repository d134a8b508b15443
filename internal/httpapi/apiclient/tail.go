package apiclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/retry"
)

// Pauses between attempts to reach a server that is away: the first, and what doubling it leads to.
const (
	tailPauseFirst = 250 * time.Millisecond
	tailPauseMost  = 15 * time.Second
)

// maxTailLine bounds a line of the feed, bytes: an event of 1 MiB with what stands around its
// payload.
const maxTailLine = 4 << 20

// TailOptions say what to follow.
type TailOptions struct {
	// Type restricts to events of a type; empty: all.
	Type string
	// After begins with the events after a sequence, "0" with the stream's first; empty: from now
	// on.
	After string
	// Connected, if not nil, is told each time that the feed begins, with the sequence from which
	// on.
	Connected func(after string)
	// Retrying, if not nil, is told why the feed broke off and when it is tried again.
	Retrying func(err error, pause time.Duration)
}

// Tail calls each for every event that is stored, in order, until ctx ends (nil) or each
// returns an error, which it returns. Once it has reached the server it reconnects for ever,
// with growing pauses, and goes on behind the last event it saw, so none is lost or shown
// twice. What no retry could change (a wrong token, a stream that is another one now) is
// returned.
func (c *Client) Tail(ctx context.Context, o TailOptions, each func(core.EventListing) error) error {
	t := &tail{Client: c, TailOptions: o, last: o.After, each: each}
	pauses := retry.Policy{First: tailPauseFirst, Most: tailPauseMost}.Pauses()
	for reached := false; ; {
		t.alive = false
		err := t.connect(ctx)
		reached = reached || t.alive
		var last *finalError
		switch {
		case errors.As(err, &last):
			return last.error
		case ctx.Err() != nil:
			return nil
		case !reached || !passing(err):
			return err
		}
		if t.alive {
			pauses.Reset()
		}
		pause := pauses.NextBackOff()
		if o.Retrying != nil {
			o.Retrying(err, pause)
		}
		if retry.Sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// passing errors may be gone next time.
func passing(err error) bool {
	return core.IsCode(err, core.CodeUnavailable) || core.IsCode(err, core.CodeInternal)
}

// finalError is one that the next attempt would only meet again: the caller's own, or a message
// that is not understood.
type finalError struct{ error }

type tail struct {
	*Client
	TailOptions
	each  func(core.EventListing) error
	last  string // the id of the last message
	alive bool   // this connection has brought something
}

// connect reads one connection to its end; the error says why it ended, always.
func (t *tail) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A connection over which nothing comes, not even heartbeats, is dead without knowing it.
	silent := core.Errorf(core.CodeUnavailable, "nothing came from %s for %s", t.base, 3*wire.TailHeartbeat)
	watch := time.AfterFunc(3*wire.TailHeartbeat, func() { cancel(silent) })
	defer watch.Stop()
	u := t.base.JoinPath("/events/tail")
	q := url.Values{}
	if t.Type != "" {
		q.Set("type", t.Type)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if t.last != "" {
		req.Header.Set("Last-Event-ID", t.last)
	}
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	res, err := t.http.Do(req)
	if err != nil {
		return t.noAnswer(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // the status says enough
		return problem(res, data)
	}
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return &finalError{fmt.Errorf("%s answers with %q in place of a feed; is it an activity-core of this version?", u, kind)}
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxTailLine)
	var m message
	for lines.Scan() {
		watch.Reset(3 * wire.TailHeartbeat)
		if len(lines.Bytes()) > 0 {
			m.add(lines.Bytes())
			continue
		}
		if err := t.take(m); err != nil {
			return err
		}
		m = message{}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return &finalError{fmt.Errorf("the event after sequence %s has more than %d bytes", t.last, maxTailLine)}
	} else if err != nil {
		return t.noAnswer(ctx, err)
	}
	return core.Errorf(core.CodeUnavailable, "%s ended the feed", t.base)
}

func (t *tail) noAnswer(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return core.Wrap(core.CodeUnavailable, err, "no answer from %s; is `activity-core dev` or `serve` running there? (--server names another address)", t.base)
}

// message is one message of the feed; lines of other fields, and comments, are passed over.
type message struct {
	id   string
	data []byte
}

func (m *message) add(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		m.id = string(value)
	case "data":
		m.data = append(m.data, value...)
	}
}

func (t *tail) take(m message) error {
	if m.id == "" {
		return nil
	}
	if _, err := strconv.ParseUint(m.id, 10, 64); err != nil {
		return &finalError{fmt.Errorf("the feed's id %q is no sequence", m.id)}
	}
	if len(m.data) > 0 {
		var e core.EventListing
		if err := json.Unmarshal(m.data, &e); err != nil {
			return &finalError{fmt.Errorf("understand message %s of the feed: %w", m.id, err)}
		}
		if err := t.each(e); err != nil {
			return &finalError{err}
		}
	}
	t.last = m.id
	if !t.alive && t.Connected != nil {
		t.Connected(m.id)
	}
	t.alive = true
	return nil
}
