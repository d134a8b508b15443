package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/telemetry"
)

const bodyTime = 150 * time.Millisecond

// slowLog, also a reconciler, needs several times as long for an answer as a body may take to
// arrive.
type slowLog struct{ httpapi.EventLog }

func (slowLog) Explain(ctx context.Context, _ core.Event, _ string, _ core.PageRequest) (page core.Page[core.EventExplanation], err error) {
	select {
	case <-ctx.Done():
		return page, fmt.Errorf("the request was cancelled: %w", context.Cause(ctx))
	case <-time.After(5 * bodyTime):
		return page, nil
	}
}

func (slowLog) Sync(ctx context.Context, _ core.SyncOptions) (core.SyncReport, error) {
	_, err := slowLog{}.Explain(ctx, core.Event{}, "", core.PageRequest{})
	return core.SyncReport{}, err
}

func (slowLog) LastSequence(context.Context) (uint64, error) { return 0, nil }

func (slowLog) Tail(ctx context.Context, _ uint64, each func(core.EventListing) error) error {
	for seq := uint64(1); ; seq++ {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(bodyTime):
			if err := each(core.EventListing{Event: core.Event{EventID: fmt.Sprint(seq), Payload: []byte("1")}, Sequence: seq}); err != nil {
				return err
			}
		}
	}
}

// serve runs the API on a port, with and without the wrapper that traces requests.
func serve(t *testing.T, test func(t *testing.T, url string)) {
	h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Events: slowLog{}, Schedules: slowLog{}, BodyTime: bodyTime, WebhookSecrets: map[string][]string{"github": {"s"}}})
	traced, err := telemetry.NewTracing(t.Context(), "127.0.0.1:1", "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // there is no collector to wait for
		_ = traced.Stop(ctx)
	})
	for name, handler := range map[string]http.Handler{"plain": h, "traced": traced.Handler(h)} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			test(t, server.URL)
		})
	}
}

func TestABodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	serve(t, func(t *testing.T, url string) {
		for _, path := range []string{"/hooks/github", "/events", "/events/explain", "/nowhere"} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", path)
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second)) // only so that a failure ends
			answer, err := io.ReadAll(conn)                            // ends when the server hangs up
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
				t.Errorf("%s: %v %q", path, err, answer)
			}
		}
	})
}

func TestWhatTakesLongerThanABodyMayIsNotCutOff(t *testing.T) {
	serve(t, func(t *testing.T, url string) {
		res, err := http.Post(url+"/events/explain", "application/json", strings.NewReader(`{"event": {"event_id": "e", "type": "x", "payload": 1}}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
			t.Errorf("a slow answer: %s %s", res.Status, answer)
		}
		if res, err = http.Post(url+"/sync", "", nil); err != nil { // a body that may be left out, and is
			t.Fatal(err)
		}
		defer res.Body.Close()
		if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
			t.Errorf("a slow answer to no body: %s %s", res.Status, answer)
		}
		if res, err = http.Get(url + "/events/tail"); err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines, last := bufio.NewScanner(res.Body), ""
		for last != "id: 5" && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "id: ") {
				last = lines.Text()
			}
		}
		if last != "id: 5" {
			t.Errorf("the feed ended after %q: %v", last, lines.Err())
		}
	})
}
