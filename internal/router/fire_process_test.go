package router

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"

	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// The environment of a router that runs in a process of its own.
const (
	childPoint   = "ACTIVITY_CORE_TEST_ROUTER_POINT" // the point it dies at, or noPoint
	childAfter   = "ACTIVITY_CORE_TEST_ROUTER_AFTER" // at which visit of that point
	childMark    = "ACTIVITY_CORE_TEST_ROUTER_MARK"  // the file it writes the point to before it dies there
	childNATS    = "ACTIVITY_CORE_TEST_ROUTER_NATS"
	childStore   = "ACTIVITY_CORE_TEST_ROUTER_STORE"
	childAddress = "ACTIVITY_CORE_TEST_ROUTER_TEMPORAL"
	childNS      = "ACTIVITY_CORE_TEST_ROUTER_NAMESPACE"
)

// readySuffix ends the name of the file, beside the mark, that is there once the router consumes.
const readySuffix = ".ready"

// noPoint is that of a router which goes on until it is killed.
const noPoint = "none"

// openRecord opens the record at a PostgreSQL URL or a SQLite file.
func openRecord(ctx context.Context, at string) (*sqlstore.Store, error) {
	if strings.HasPrefix(at, "postgres://") {
		return postgres.Open(ctx, postgres.Config{URL: at})
	}
	return sqlite.Open(ctx, sqlite.Config{Path: at})
}

// TestRouterProcess is no test: it is a router with the program's own starter in a process of
// its own, which dies at the point its environment names, or when it is killed.
func TestRouterProcess(t *testing.T) {
	if os.Getenv(childPoint) == "" {
		t.Skip("runs only as the child of another test")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nc, err := nats.Connect(os.Getenv(childNATS), nats.MaxReconnects(-1))
	must(err)
	js, err := jetstream.New(nc)
	must(err)
	store, err := openRecord(t.Context(), os.Getenv(childStore))
	must(err)
	c, err := client.Dial(devstacktest.Namespace{Name: os.Getenv(childNS), HostPort: os.Getenv(childAddress)}.Options())
	must(err)
	r, err := New(Config{JetStream: js, Catalogue: store, Ledger: store, Starter: temporalrun.NewStarter(c), DeadLetters: deadletter.New(js, time.Now), Batch: 32, MaxInFlight: 128})
	must(err)
	var left int
	_, err = fmt.Sscan(os.Getenv(childAfter), &left)
	must(err)
	var mu sync.Mutex
	r.at = func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if point != os.Getenv(childPoint) {
			return
		}
		if left--; left > 0 {
			return
		}
		if err := os.WriteFile(os.Getenv(childMark), []byte(point), 0o600); err != nil {
			panic(err) // the parent sees a process that ended otherwise
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	must(r.Start(t.Context()))
	must(os.WriteFile(os.Getenv(childMark)+readySuffix, nil, 0o600))
	// The parent's end closes when the parent is gone: it never ends a router but by SIGKILL.
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// routerProcess is a router that was started in a process of its own.
type routerProcess struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	output *bytes.Buffer // may be read once ended is closed
	mark   string
	killed bool // by us
	ended  chan struct{}
}

// ready tells whether the router consumes.
func (p *routerProcess) ready() bool {
	_, err := os.Stat(p.mark + readySuffix)
	return err == nil
}

// brigade keeps router processes running, kills them, and holds every death against what it
// should have been.
type brigade struct {
	t     testing.TB
	env   []string
	dir   string
	rng   *rand.Rand
	procs []*routerProcess
	born  int
	// deaths has a token for each process that died while the fire went on.
	deaths chan struct{}

	mu    sync.Mutex
	kills int            // died of our SIGKILL, wherever they were
	hits  map[string]int // died at a crash point, by point
}

func newBrigade(t testing.TB, routers int, rng *rand.Rand, env ...string) *brigade {
	b := &brigade{t: t, env: env, dir: t.TempDir(), rng: rng, procs: make([]*routerProcess, routers), deaths: make(chan struct{}, 1<<16), hits: map[string]int{}}
	t.Cleanup(b.disband)
	return b
}

// disband ends what still runs; those deaths count for nothing.
func (b *brigade) disband() {
	for i, p := range b.procs {
		if p != nil {
			_ = p.cmd.Process.Kill()
			<-p.ended
			_ = p.stdin.Close()
			b.procs[i] = nil
		}
	}
}

// next is the crash point of the next process: the one that was hit least, and now and then
// none, so that some live until they are killed.
func (b *brigade) next() (point string, after int) {
	b.born++
	if b.born%4 == 0 {
		return noPoint, 1
	}
	point = pointRecorded
	for _, p := range []string{pointStarted, pointConfirmed} {
		if b.hits[p] < b.hits[point] {
			point = p
		}
	}
	if b.hits[point] == 0 {
		return point, 1
	}
	return point, 1 + b.rng.IntN(8)
}

func (b *brigade) spawn(i int) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	point, after := b.next()
	p := &routerProcess{output: &bytes.Buffer{}, mark: filepath.Join(b.dir, fmt.Sprintf("mark-%d", b.born)), ended: make(chan struct{})}
	p.cmd = exec.Command(self, "-test.run=^TestRouterProcess$")
	p.cmd.Env = append(append(os.Environ(), b.env...), childPoint+"="+point, fmt.Sprintf("%s=%d", childAfter, after), childMark+"="+p.mark)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	b.procs[i] = p
}

// bury counts a death for what it was. A process that ended by itself fails the test with what
// it had to say.
func (b *brigade) bury(p *routerProcess) {
	b.t.Helper()
	_ = p.stdin.Close()
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		b.t.Fatalf("a router process ended by itself: %v\n%s", p.cmd.ProcessState, p.output)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch point, err := os.ReadFile(p.mark); {
	case err == nil && len(point) > 0: // an empty file: our kill came while it was being written
		b.hits[string(point)]++
	case err != nil && !errors.Is(err, os.ErrNotExist):
		b.t.Fatal(err)
	case p.killed:
		b.kills++
	default:
		b.t.Fatalf("somebody else killed a router process\n%s", p.output)
	}
	b.deaths <- struct{}{}
}

// harass kills a random router process every so often and replaces every one that died, until
// done. One that does not consume yet is let be: on a slow machine none would ever come to
// anything.
func (b *brigade) harass(every time.Duration, done func() bool) {
	b.t.Helper()
	for i := range b.procs {
		b.spawn(i)
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	kill := time.NewTicker(every)
	defer kill.Stop()
	deadline := time.After(20 * time.Minute)
	for !done() {
		select {
		case <-look.C:
		case <-kill.C:
			if p := b.procs[b.rng.IntN(len(b.procs))]; p.ready() && p.cmd.Process.Kill() == nil { // else it may be dead already
				p.killed = true
			}
		case <-deadline:
			b.t.Fatal("the routers never finished")
		}
		for i, p := range b.procs {
			select {
			case <-p.ended:
				b.bury(p)
				b.spawn(i)
			default:
			}
		}
	}
	b.disband()
}

// missing says what there was too little of for a fire: kills, and deaths at every crash point.
func (b *brigade) missing(least int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kills < least {
		return fmt.Sprintf("%d router processes were killed, want at least %d", b.kills, least)
	}
	for _, point := range []string{pointRecorded, pointStarted, pointConfirmed} {
		if b.hits[point] < least {
			return fmt.Sprintf("%d router processes died at the crash point %q, want at least %d", b.hits[point], point, least)
		}
	}
	return ""
}
