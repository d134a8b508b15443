//go:build !slim

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/telemetry"
	"github.com/activity-core/activity-core/internal/testkit"
)

func (s *script) startDev(args []string) int {
	if s.dev != nil && s.dev.running() {
		s.failf("dev runs already")
	}
	environ, args := s.environment(args)
	s.dev = startDev(s.T, s.work, environ, args...)
	s.out, s.err = s.dev.stdout.String(), s.dev.stderr.String()
	s.vars["SERVER"], s.vars["NATS_URL"] = s.dev.api, s.dev.nats
	u, err := url.Parse(s.dev.api)
	if err != nil {
		s.failf("%v", err)
	}
	s.vars["API_PORT"] = u.Port()
	return 0
}

func (s *script) stopDev([]string) int {
	s.code = s.dev.interrupt()
	s.out, s.err = s.dev.stdout.String(), s.dev.stderr.String()
	return s.code
}

func (s *script) killDev([]string) int {
	s.dev.kill()
	return 0
}

func (s *script) startNATS(args []string) int {
	s.need(args, 1, "nats-server DIR")
	s.nats = startProcess(s.T, s.work, nil, "dev-server", "nats", "--port", "0", "--data-dir", args[0])
	s.vars["NATS_URL"] = s.nats.await(`ready at (\S+)`)[1]
	return 0
}

func (s *script) stopNATS([]string) int { return s.nats.interrupt() }

// natsPublish stores an envelope, or what is none, in the stream as a publisher that does not
// use our API would.
func (s *script) natsPublish(args []string) int {
	s.need(args, 2, "nats-publish MSGID FILE")
	data := s.read(args[1])
	subject := envelope.Subject("broken")
	if e, err := envelope.Decode(nil, []byte(data)); err == nil {
		subject = envelope.Subject(e.Type)
	}
	nc, err := nats.Connect(s.vars["NATS_URL"])
	if err != nil {
		s.failf("%v", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.failf("%v", err)
	}
	ack, err := js.Publish(context.Background(), subject, []byte(data), jetstream.WithMsgID(args[0]), jetstream.WithExpectStream(core.EventStream))
	if err != nil {
		s.failf("%v", err)
	}
	if ack.Duplicate {
		s.failf("JetStream took %s for a duplicate: choose another message ID", args[0])
	}
	return 0
}

func (s *script) http(args []string) int {
	s.need(args, 2, "http METHOD PATH [-H 'Name: value'] [-d TEXT or @FILE]")
	var body io.Reader
	header := http.Header{}
	for rest := args[2:]; len(rest) >= 2; rest = rest[2:] {
		switch rest[0] {
		case "-H":
			name, value, _ := strings.Cut(rest[1], ":")
			header.Set(name, strings.TrimSpace(value))
		case "-d":
			body = strings.NewReader(s.textOrFile(rest[1]))
		default:
			s.failf("http has no %s", rest[0])
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), args[0], s.vars["SERVER"]+args[1], body)
	if err != nil {
		s.failf("%v", err)
	}
	req.Header = header
	if s.response, err = http.DefaultClient.Do(req); err != nil {
		s.failf("%v", err)
	}
	defer s.response.Body.Close()
	text, err := io.ReadAll(s.response.Body)
	if err != nil {
		s.failf("%v", err)
	}
	s.out, s.err = string(text), ""
	return 0
}

func (s *script) status(args []string) int {
	s.need(args, 1, "status CODE")
	if got := strconv.Itoa(s.response.StatusCode); got != args[0] {
		s.failf("status is %s, not %s:\n%s", got, args[0], s.out)
	}
	return 0
}

func (s *script) header(args []string) int {
	s.need(args, 2, "header NAME REGEXP")
	if got := s.response.Header.Get(args[0]); !regexp.MustCompile(args[1]).MatchString(got) {
		s.failf("%s is %q, not %s", args[0], got, args[1])
	}
	return 0
}

// metric waits until the metrics page shows a sample with this value; one that is absent counts
// as 0.
func (s *script) metric(args []string) int {
	s.need(args, 2, `metric 'NAME{label="value"}' VALUE`)
	testkit.Eventually(s.T, s.where, func() error {
		page, err := http.Get(s.dev.metrics)
		if err != nil {
			return err
		}
		defer page.Body.Close()
		text, err := io.ReadAll(page.Body)
		if err != nil {
			return err
		}
		if got := sample(string(text), args[0]); got != args[1] {
			return fmt.Errorf("%s is %s, not %s", args[0], got, args[1])
		}
		return nil
	})
	return 0
}

// sample finds a metric's value whatever other labels it has.
func sample(page, name string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		found := true
		for _, label := range strings.Split(labels, ",") {
			found = found && strings.Contains(line[:i], label)
		}
		if found {
			return line[i+1:]
		}
	}
	return "0"
}

func (s *script) temporal() client.Client {
	s.Helper()
	c, err := client.Dial(client.Options{HostPort: s.dev.temporal, Logger: telemetry.NewLogger(io.Discard, "error", "text")})
	if err != nil {
		s.failf("%v", err)
	}
	return c
}

// schedule asks Temporal what became of a definition's schedule.
func (s *script) schedule(args []string) int {
	s.need(args, 2, "schedule NAME active|paused|absent")
	c := s.temporal()
	defer c.Close()
	handle := c.ScheduleClient().GetHandle(context.Background(), core.ScheduleID(core.DefinitionID(args[0])))
	testkit.Eventually(s.T, s.where, func() error {
		got := "active"
		d, err := handle.Describe(context.Background())
		var missing *serviceerror.NotFound
		switch {
		case errors.As(err, &missing):
			got = "absent"
		case err != nil:
			return err
		case d.Schedule.State.Paused:
			got = "paused"
		}
		if got != args[1] {
			return fmt.Errorf("the schedule of %s is %s, not %s", args[0], got, args[1])
		}
		return nil
	})
	return 0
}

// inTemporal does to a definition's schedule what somebody may do in Temporal's UI. The one
// that it makes is marked as ours and of a definition that the record does not know.
func (s *script) inTemporal(args []string) int {
	s.need(args, 2, "in-temporal pause|unpause|edit|delete|make NAME")
	c := s.temporal()
	defer c.Close()
	ctx := context.Background()
	id := core.ScheduleID(core.DefinitionID(args[1]))
	handle := c.ScheduleClient().GetHandle(ctx, id)
	var err error
	switch args[0] {
	case "pause":
		err = handle.Pause(ctx, client.SchedulePauseOptions{Note: "maintenance"})
	case "unpause":
		err = handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: "go on"})
	case "edit":
		err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			edited := in.Description.Schedule
			edited.Spec = &client.ScheduleSpec{CronExpressions: []string{"0 0 1 1 *"}}
			return &client.ScheduleUpdate{Schedule: &edited}, nil
		}})
	case "delete":
		err = handle.Delete(ctx)
	case "make":
		_, err = c.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: id, Spec: client.ScheduleSpec{CronExpressions: []string{"0 0 1 1 *"}}, Memo: map[string]any{"activity_core_owner": "activity-core"},
			Action: &client.ScheduleWorkflowAction{Workflow: core.WorkflowType, TaskQueue: core.TaskQueue},
		})
	default:
		s.failf("in-temporal has no %s", args[0])
	}
	if err != nil {
		s.failf("%v", err)
	}
	return 0
}

// webServer is somebody else's HTTP server.
type webServer struct {
	*httptest.Server
	status atomic.Int64
	mu     sync.Mutex
	got    map[string]int
	keys   []string
}

func (s *script) startWeb([]string) int {
	w := &webServer{got: map[string]int{}}
	w.status.Store(http.StatusOK)
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.got[r.Method+" "+r.URL.Path]++
		w.keys = append(w.keys, r.Header.Get("Idempotency-Key"))
		w.mu.Unlock()
		rw.WriteHeader(int(w.status.Load()))
	}))
	s.Cleanup(w.Close)
	s.web, s.vars["WEB"] = w, w.URL
	return 0
}

func (s *script) webStatus(args []string) int {
	s.need(args, 1, "web-status CODE")
	code, err := strconv.Atoi(args[0])
	if err != nil {
		s.failf("%v", err)
	}
	s.web.status.Store(int64(code))
	return 0
}

func (s *script) webGot(args []string) int {
	s.need(args, 3, "web-got METHOD PATH N")
	s.web.mu.Lock()
	defer s.web.mu.Unlock()
	if n := s.web.got[args[0]+" "+args[1]]; strconv.Itoa(n) != args[2] {
		s.failf("%d requests %s %s, not %s; all: %v", n, args[0], args[1], args[2], s.web.got)
	}
	for _, key := range s.web.keys {
		if key == "" {
			s.failf("a request came without Idempotency-Key")
		}
	}
	return 0
}

// orderWorker is a Temporal user's own worker.
type orderWorker struct {
	mu  sync.Mutex
	got map[string]int
}

func (s *script) startOrders([]string) int {
	c := s.temporal()
	o := &orderWorker{got: map[string]int{}}
	w := worker.New(c, "orders", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, order string) (string, error) {
		if !workflow.IsReplaying(ctx) {
			o.mu.Lock()
			o.got[order]++
			o.mu.Unlock()
		}
		return "shipped " + order, nil
	}, workflow.RegisterOptions{Name: "OrderWorkflow"})
	if err := w.Start(); err != nil {
		s.failf("%v", err)
	}
	s.Cleanup(func() { w.Stop(); c.Close() })
	s.orders = o
	return 0
}

func (s *script) orderGot(args []string) int {
	s.need(args, 2, "order-got ID N")
	testkit.Eventually(s.T, s.where, func() error {
		s.orders.mu.Lock()
		defer s.orders.mu.Unlock()
		if n := s.orders.got[args[0]]; strconv.Itoa(n) != args[1] {
			return fmt.Errorf("order %s was handled %d times, not %s", args[0], n, args[1])
		}
		return nil
	})
	return 0
}
