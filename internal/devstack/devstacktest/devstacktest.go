//go:build !slim

// Package devstacktest gives tests a real Temporal and a real NATS server: one of each per test
// binary, started by the first test that asks. Tests are kept apart by a fresh Temporal
// namespace each, and on NATS by unique names or by a server of their own. It must not be
// imported by anything but tests.
package devstacktest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/activity-core/activity-core/internal/devstack"
)

// startTimeout bounds one server start, stopTimeout the end of a test binary.
const (
	startTimeout = time.Minute
	stopTimeout  = 2 * time.Minute
)

// SearchAttributes are those of every namespace made here: what activity-core sets on its
// workflows and schedules.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		"activity_id":        enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"activity_trigger":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"activity_outcome":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"activity_spec_hash": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}
}

// servers are the servers of this test binary. Being shared is their purpose, and a test binary
// ends soon: this is the one place where state of the package is wanted.
var servers struct {
	temporal, nats sync.Once
	temporalServer *devstack.Temporal
	temporalErr    error
	natsServer     *devstack.NATS
	natsErr        error
}

// Main runs the tests of a package and then stops the servers they used. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }
//
// A package without it works as well, and leaves the JetStream folder to the system's cleaning
// of temporary files.
func Main(m *testing.M) int {
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	for _, stop := range []func(context.Context) error{servers.temporalServer.Stop, servers.natsServer.Stop} {
		if err := stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Namespace is a Temporal namespace that only one test uses.
type Namespace struct {
	// Name is unique and says which test it belongs to.
	Name string
	// HostPort is the address of the frontend.
	HostPort string
}

// Temporal returns a fresh namespace, with [SearchAttributes] that can be used at once, on the
// server of this test binary.
func Temporal(t testing.TB) Namespace {
	t.Helper()
	server := server(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	name := unique(t)
	if err := server.CreateNamespace(ctx, name); err != nil {
		t.Fatalf("create namespace: %v", err)
	}
	return Namespace{Name: name, HostPort: server.Addr()}
}

// Options are those of a client of the namespace that logs errors only.
func (n Namespace) Options() client.Options {
	return client.Options{HostPort: n.HostPort, Namespace: n.Name, Logger: quiet{}}
}

// Client returns a client of the namespace, closed at the end of the test.
func (n Namespace) Client(t testing.TB) client.Client {
	t.Helper()
	c, err := client.Dial(n.Options())
	if err != nil {
		t.Fatalf("dial Temporal: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// NATS returns the URL of the NATS server of this test binary. Streams are shared by all tests:
// use [Unique] in their names and subjects, or [OwnNATS] where the names are fixed.
func NATS(t testing.TB) string {
	t.Helper()
	servers.nats.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		servers.natsServer, servers.natsErr = devstack.StartNATS(ctx, devstack.NATSConfig{})
	})
	if servers.natsErr != nil {
		t.Fatalf("start NATS: %v", servers.natsErr)
	}
	return servers.natsServer.URL()
}

// OwnNATS starts a NATS server for this test alone, which takes some 10 ms, and stops it at the
// end.
func OwnNATS(t testing.TB) *devstack.NATS {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	n, err := devstack.StartNATS(ctx, devstack.NATSConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("start NATS: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("stop NATS: %v", err)
		}
	})
	return n
}

// Connect returns a connection to url, closed at the end of the test.
func Connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatalf("connect to NATS: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// Unique returns a name that starts like the test's and that no other test has: letters,
// digits, - and _ only.
func Unique(t testing.TB) string { return unique(t) }

func unique(t testing.TB) string {
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name(), "_")
	return fmt.Sprintf("%.60s-%s", name, uuid.NewString()[:8])
}

func server(t testing.TB) *devstack.Temporal {
	t.Helper()
	servers.temporal.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		servers.temporalServer, servers.temporalErr = devstack.StartTemporal(ctx, devstack.TemporalConfig{
			SearchAttributes: SearchAttributes(),
			// A schedule fires once its namespace's worker runs, which starts at the next refresh.
			NamespaceRefresh: 100 * time.Millisecond,
		})
	})
	if servers.temporalErr != nil {
		t.Fatalf("start Temporal: %v", servers.temporalErr)
	}
	return servers.temporalServer
}

// quiet drops what an SDK client says about its connection.
type quiet struct{}

var _ log.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(msg string, keyvals ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"temporal client:", msg}, keyvals...)...)
}

// Parallel calls do for 0 to n-1, so many at a time, and returns how long it took. An error
// fails the test and not the other calls.
func Parallel(tb testing.TB, atOnce, n int, do func(int) error) time.Duration {
	tb.Helper()
	start := time.Now()
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return time.Since(start)
}
