//go:build !slim

package outagetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
)

// environment is a complete installation in processes of its own, and a server outside that its
// definitions call.
type environment struct {
	*testing.T
	api      *apiclient.Client
	temporal string // host:port
	// The processes; those that an installation does not have are nil. dev is everything in one.
	dev, temporalServer, server, worker *process
	outside                             *outside
}

func (e *environment) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func newEnvironment(t *testing.T, apiPort int) *environment {
	t.Helper()
	e := &environment{T: t, outside: newOutside(t)}
	var err error
	e.api, err = apiclient.New("http://"+loopback(apiPort), "")
	e.must(err)
	return e
}

// everythingInOneProcess is `activity-core dev`.
func (p program) everythingInOneProcess(t *testing.T) *environment {
	apiPort, temporalPort := freePort(t), freePort(t)
	e := newEnvironment(t, apiPort)
	e.temporal = loopback(temporalPort)
	e.dev = p.process(t, []string{"ACTIVITY_CORE_OUTBOUND_ALLOW=127.0.0.0/8"}, "dev", "--data-dir", filepath.Join(t.TempDir(), "data"),
		"--http-port", strconv.Itoa(apiPort), "--temporal-port", strconv.Itoa(temporalPort), "--metrics-port", "0", "--ui-port", "0", "--nats-port", "0")
	e.dev.start()
	e.waitReady()
	return e
}

// inParts is `activity-core serve` on PostgreSQL and on servers of its own: one process for
// every role, or with apart one for the worker and one for the others.
func (p program) inParts(t *testing.T, apart bool, settings ...string) *environment {
	database := postgrestest.Database(t)
	apiPort, temporalPort, natsPort := freePort(t), freePort(t), freePort(t)
	e := newEnvironment(t, apiPort)
	e.temporal = loopback(temporalPort)
	e.temporalServer = p.process(t, nil, "dev-server", "temporal", "--data-dir", filepath.Join(t.TempDir(), "temporal"), "--port", strconv.Itoa(temporalPort))
	e.temporalServer.start()
	nats := p.process(t, nil, "dev-server", "nats", "--data-dir", filepath.Join(t.TempDir(), "nats"), "--port", strconv.Itoa(natsPort))
	nats.start()
	e.waitDial(temporalPort)
	e.waitDial(natsPort)

	serve := func(roles string) *process {
		return p.process(t, append([]string{
			"ACTIVITY_CORE_API_INSECURE_NO_AUTH=true",
			"ACTIVITY_CORE_DATABASE_URL=" + database, "ACTIVITY_CORE_TEMPORAL_ADDRESS=" + e.temporal,
			"ACTIVITY_CORE_NATS_URL=nats://" + loopback(natsPort), "ACTIVITY_CORE_API_ADDR=" + loopback(apiPort),
			"ACTIVITY_CORE_METRICS_ADDR=" + loopback(freePort(t)), "ACTIVITY_CORE_OUTBOUND_ALLOW=127.0.0.0/8",
		}, settings...), "serve", "--migrate", "--roles", roles)
	}
	if !apart {
		e.server = serve("api,router,worker")
		e.server.start()
	} else {
		e.server, e.worker = serve("api,router"), serve("worker")
		e.server.start()
		e.waitReady()
		e.worker.start()
	}
	e.waitReady()
	return e
}

// patience bounds waits for what must come; it decides nothing unless a test fails.
const patience = 2 * time.Minute

func (e *environment) wait(what string, atMost time.Duration, done func() bool) {
	e.Helper()
	for deadline := time.Now().Add(atMost); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.Fatalf("%s: not within %s", what, atMost)
		}
	}
}

func (e *environment) waitReady() {
	e.Helper()
	e.wait("readyz", patience, func() bool {
		r, err := e.api.Ready(e.Context())
		return err == nil && r.Ready
	})
}

// waitDial waits until Temporal or NATS listens; what comes later, the program waits for itself.
func (e *environment) waitDial(port int) {
	e.Helper()
	e.wait("port "+strconv.Itoa(port), patience, func() bool { return listens(port) })
}

// deleteSchedules deletes them in Temporal, as somebody with its command line could.
func (e *environment) deleteSchedules(defs []core.Definition) {
	e.Helper()
	c, err := client.DialContext(e.Context(), client.Options{HostPort: e.temporal})
	e.must(err)
	defer c.Close()
	for _, d := range defs {
		e.must(c.ScheduleClient().GetHandle(e.Context(), core.ScheduleID(d.ID)).Delete(e.Context()))
	}
}

// runs lists the cron runs of a definition that began, oldest first by their start.
func (e *environment) runs(name string) []core.Run {
	e.Helper()
	var out []core.Run
	for o := (apiclient.ListOptions{Limit: 100, Filter: map[string]string{"activity": name}}); ; {
		page, err := e.api.Runs(e.Context(), o)
		e.must(err)
		for _, r := range page.Items {
			if r.StartedAt != nil && r.Cause.NominalTime != nil {
				out = append(out, r)
			}
		}
		if o.Cursor = page.NextCursor; o.Cursor == "" {
			return out
		}
	}
}

func (e *environment) check(name string, since, until time.Time) (wire.LedgerCheck, error) {
	return e.api.LedgerCheck(e.Context(), apiclient.ListOptions{Filter: map[string]string{
		"activity": name, "since": since.UTC().Format(time.RFC3339), "until": until.UTC().Format(time.RFC3339),
	}})
}

// outside is the world that runs have their effect on. It refuses nothing and dedupes nothing:
// it counts.
type outside struct {
	*httptest.Server
	mu sync.Mutex
	// effects has for each definition and nominal time the requests by idempotency key.
	effects map[string]map[string]map[string]int
}

func newOutside(t *testing.T) *outside {
	o := &outside{effects: make(map[string]map[string]map[string]int)}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Definition, Nominal string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.effects[body.Definition] == nil {
			o.effects[body.Definition] = make(map[string]map[string]int)
		}
		if o.effects[body.Definition][body.Nominal] == nil {
			o.effects[body.Definition][body.Nominal] = make(map[string]int)
		}
		o.effects[body.Definition][body.Nominal][r.Header.Get("Idempotency-Key")]++
	}))
	t.Cleanup(o.Close)
	return o
}

// of returns how many requests came for each nominal time of a definition, whatever their keys.
func (o *outside) of(name string) map[time.Time]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[time.Time]int)
	for nominal, keys := range o.effects[name] {
		t, err := time.Parse(time.RFC3339, nominal)
		if err != nil {
			panic(err)
		}
		for _, n := range keys {
			out[t.UTC()] += n
		}
	}
	return out
}
