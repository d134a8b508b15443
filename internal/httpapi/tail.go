package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// tailWrite bounds one write to a reader that does not read. It loses nothing: it comes back
// with the sequence it saw last.
const tailWrite = 30 * time.Second

type tailInput struct {
	Type        string `query:"type" doc:"only events of this type, also_types included"`
	After       string `query:"after" doc:"only events stored after this sequence; 0 is the whole stream; default: from now on"`
	LastEventID string `header:"Last-Event-ID" doc:"the id of the last message that was received; goes before after"`
}

// tail is the feed of events. huma's package sse is not used: it has no comments and no message
// without data, and prints to standard error.
func (s *server) tail() {
	o := op(http.MethodGet, "/events/tail", "tail-events", tagEvents, "Follow the events as they are stored (server-sent events)")
	o.Description = "Each message is one event as JSON, in order; its id is the event's sequence in the stream. Reconnect with the last id in Last-Event-ID (browsers do so by themselves), or in after, and nothing is lost. " +
		"Messages with an id and no data say how far the stream was read without anything to show: at the begin, and every " + wire.TailHeartbeat.String() + ". The server ends the feed when it stops. matched_by is empty: the router may not have seen the event yet."
	o.Responses = map[string]*huma.Response{"200": {Description: "messages: `id: 42`, then `data: ` and " + "an event as GET /events lists it", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	register(s, o, func(ctx context.Context, in *tailInput) (*huma.StreamResponse, error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		after, err := s.tailAfter(ctx, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			f := &feed{server: s, w: c.BodyWriter().(http.ResponseWriter), eventType: in.Type, seen: after}
			f.run(c.Context())
		}}, nil
	})
}

// tailAfter is the sequence to go on from. One that the stream has not reached belongs to a
// stream that is gone; waiting for it would be silence without a reason.
func (s *server) tailAfter(ctx context.Context, in *tailInput) (uint64, error) {
	last, err := s.Events.LastSequence(ctx)
	if err != nil {
		return 0, err
	}
	name, text := "Last-Event-ID", in.LastEventID
	if text == "" {
		name, text = "after", in.After
	}
	if text == "" {
		return last, nil
	}
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, core.InvalidField(name, text, "must be the sequence of an event, such as 42")
	}
	if after > last {
		return 0, core.Errorf(core.CodeConflict, "%s: %d: the stream ends with sequence %d, so it is not the one that was read; begin again with after=0, or without it", name, after, last)
	}
	return after, nil
}

// feed is one reader of the tail.
type feed struct {
	*server
	w         http.ResponseWriter
	eventType string
	seen      uint64 // the last sequence that was sent or passed over
}

// run sends until the reader goes, the server stops, or the stream breaks off.
func (f *feed) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	events, ended := make(chan core.EventListing), make(chan error, 1)
	go func() {
		ended <- f.Events.Tail(ctx, f.seen, func(e core.EventListing) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	broke := false
	defer func() {
		cancel()
		if !broke {
			<-ended
		}
	}()
	f.w.Header().Set("Content-Type", "text/event-stream")
	f.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep messages back
	heartbeat := time.NewTicker(wire.TailHeartbeat)
	defer heartbeat.Stop()
	// The position comes first: whoever is cut off before the first event still knows where to go
	// on.
	if f.send(fmt.Appendf(nil, "retry: 1000\nid: %d\n\n", f.seen)) != nil {
		return
	}
	for {
		select {
		case e := <-events:
			f.seen = e.Sequence
			if f.eventType != "" && e.Type != f.eventType && !slices.Contains(e.AlsoTypes, f.eventType) {
				continue
			}
			message, err := eventMessage(e)
			if err != nil {
				f.log.ErrorContext(ctx, "an event cannot be shown", "sequence", e.Sequence, "error", err)
				return
			}
			if f.send(message) != nil {
				return
			}
		case <-heartbeat.C:
			if f.send(fmt.Appendf(nil, ": heartbeat\nid: %d\n\n", f.seen)) != nil {
				return
			}
		case err := <-ended:
			broke = true
			if err != nil && ctx.Err() == nil {
				f.log.LogAttrs(ctx, slog.LevelWarn, "a feed of events broke off; its reader goes on from where it was", slog.Uint64("sequence", f.seen), slog.Any("error", err))
			}
			return
		case <-ctx.Done():
			return
		case <-f.Stopping:
			return
		}
	}
}

func eventMessage(e core.EventListing) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\ndata: ", e.Sequence)
	if err := writePlain(&b, e); err != nil { // compact: no line break stands in it but the one behind it
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func (f *feed) send(message []byte) error {
	rc := http.NewResponseController(f.w)
	_ = rc.SetWriteDeadline(time.Now().Add(tailWrite)) // a writer without deadlines (a test's) blocks nobody
	if _, err := f.w.Write(message); err != nil {
		return err
	}
	return rc.Flush()
}
