package httpapi_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// quietLog has 7 events and gets one more, of a type that nobody asks for.
type quietLog struct {
	httpapi.EventLog
	breaks error
}

func (quietLog) LastSequence(context.Context) (uint64, error) { return 7, nil }

func (l quietLog) Tail(ctx context.Context, after uint64, each func(core.EventListing) error) error {
	if err := each(core.EventListing{Event: core.Event{EventID: "e", Type: "other", Payload: []byte("1")}, Sequence: after + 1}); err != nil {
		return err
	}
	if l.breaks != nil {
		return l.breaks
	}
	<-ctx.Done()
	return nil
}

func TestAFeedOfNothingSaysThatItIsThereAndEndsWithTheServer(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(stopping chan struct{}, leave func())
		breaks error
		want   string
	}{
		"the server stops":      {end: func(s chan struct{}, _ func()) { close(s) }, want: "retry: 1000\nid: 7\n\n: heartbeat\nid: 8\n\n: heartbeat\nid: 8\n\n"},
		"the reader goes":       {end: func(_ chan struct{}, leave func()) { leave() }, want: "retry: 1000\nid: 7\n\n: heartbeat\nid: 8\n\n: heartbeat\nid: 8\n\n"},
		"the stream breaks off": {end: func(chan struct{}, func()) {}, breaks: errors.New("NATS is away"), want: "retry: 1000\nid: 7\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stopping := make(chan struct{})
				h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Events: quietLog{breaks: c.breaks}, Stopping: stopping})
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				r := httptest.NewRequest("GET", "/events/tail?type=rare", nil).WithContext(ctx)
				r.Host = "127.0.0.1:8010"
				w := httptest.NewRecorder()
				answered := make(chan struct{})
				go func() {
					defer close(answered)
					h.ServeHTTP(w, r)
				}()
				time.Sleep(2*wire.TailHeartbeat + time.Second)
				c.end(stopping, leave)
				<-answered // and the bubble ends only when no goroutine is left
				if got := w.Body.String(); w.Code != 200 || got != c.want {
					t.Fatalf("%d %q", w.Code, got)
				}
			})
		})
	}
}
