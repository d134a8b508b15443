//go:build !slim

package temporalschedule_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// replicaOrders is the environment variable that makes TestReplicaProcess a replica; it holds
// orders as JSON.
const replicaOrders = "ACTIVITY_CORE_TEST_REPLICA"

// orders say what a replica process works on. The processes of one test differ in the seed only.
type orders struct {
	Temporal devstacktest.Namespace
	Record   recordPlace
	// How many definitions of each sort there are; see raced, steady and occupied.
	Raced, Steady, Occupied int
	Seed                    uint64
}

// recordPlace names a record that several processes can open: one field is set.
type recordPlace struct{ SQLite, PostgreSQL string }

func (p recordPlace) open(t testing.TB) record {
	t.Helper()
	var store *sqlstore.Store
	var err error
	if p.PostgreSQL != "" {
		store, err = postgres.Open(t.Context(), postgres.Config{URL: p.PostgreSQL})
	} else {
		store, err = sqlite.Open(t.Context(), sqlite.Config{Path: p.SQLite})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return record{TB: t, Store: store}
}

// What a replica says on its standard output, one thing a line after replicaSays, so that its
// death loses nothing.
const (
	replicaSays  = "replica: "
	saidChanged  = "changed"       // and how: the record was changed and the change reconciled
	saidWrote    = "wrote"         // and what: one write to a schedule was confirmed
	saidTrouble  = "trouble"       // and an error that nothing here can explain
	saidMended   = "mended"        // and a difference that was there when everybody had come to rest
	replicaRest  = "rest"          // said to it: change nothing any more, reconcile until nothing is left, and end
	replicaUsers = 4               // how many change definitions at once in each process
	atRest       = 50              // syncs after which a replica at rest gives up
	replicaSyncs = time.Second / 5 // between the syncs of a replica, far more often than in production
)

// TestReplicaProcess is no test: it is a replica in a process of its own. Users of it change
// definitions at random and it reconciles each change as the API does, and everything again and
// again, until it is told to rest, or killed.
func TestReplicaProcess(t *testing.T) {
	if os.Getenv(replicaOrders) == "" {
		t.Skip("runs only as the child of another test")
	}
	var o orders
	if err := json.Unmarshal([]byte(os.Getenv(replicaOrders)), &o); err != nil {
		t.Fatal(err)
	}
	resting := make(chan struct{})
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			if in.Text() == replicaRest {
				close(resting)
			}
		}
		os.Exit(1) // its parent has gone, and a replica must not outlive it
	}()
	b := &bench{T: t, client: o.Temporal.Client(t), namespace: o.Temporal.Name, store: o.Record.open(t)}
	b.rec = temporalschedule.New(temporalschedule.Config{
		Service: b.client.WorkflowService(), Namespace: b.namespace, Store: b.store,
		Metrics: temporalschedule.Metrics{Written: func(action string, failed bool) {
			if !failed {
				say(saidWrote, action)
			}
		}},
	})
	loop := temporalschedule.NewLoop(b.rec, replicaSyncs)
	if err := loop.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var users sync.WaitGroup
	for user := range uint64(replicaUsers) {
		random := rand.New(rand.NewPCG(o.Seed, user)) //nolint:gosec // a repeatable sequence
		users.Go(func() {
			for {
				select {
				case <-resting:
					return
				default:
					b.change(random, o)
				}
			}
		})
	}
	users.Wait()
	if err := loop.Stop(b.context()); err != nil {
		t.Fatal(err)
	}
	for range atRest {
		report := b.sync(core.SyncOptions{Full: true})
		left := 0
		for _, drift := range report.Drift {
			if drift.Action == temporalschedule.ActionNone {
				continue // an ID that is occupied by somebody else
			}
			left++
			say(saidMended, string(drift.Kind))
		}
		if left == 0 && report.Writes == 0 {
			return
		}
	}
	t.Fatalf("differences are left after %d syncs at rest", atRest)
}

// change makes one change at random to one of the definitions, of each sort what may happen to it.
func (b *bench) change(random *rand.Rand, o orders) {
	var what string
	var err error
	var expected []core.Code
	switch n := random.IntN(o.Raced + o.Steady + o.Occupied); {
	case n < o.Raced:
		what, err = b.changeRaced(b.Context(), random, raced(n), b.rec)
		expected = []core.Code{core.CodeNotFound} // paused, resumed or deleted after it had been deleted
	case n < o.Raced+o.Steady:
		what, err = b.editSteady(random, n-o.Raced)
	default:
		what, err = b.changeRaced(b.Context(), random, occupied(n-o.Raced-o.Steady), b.rec)
		expected = []core.Code{core.CodeNotFound, core.CodeConflict} // the ID is occupied
	}
	// The others may leave it no chance to write a schedule; the next sync does it.
	expected = append(expected, core.CodeUnavailable)
	if err != nil && !slices.ContainsFunc(expected, func(c core.Code) bool { return core.IsCode(err, c) }) {
		say(saidTrouble, what+": "+err.Error())
	}
	say(saidChanged, what)
}

// say writes one line in one write: a killed process leaves no half of it.
func say(what, detail string) {
	_, _ = os.Stdout.WriteString(replicaSays + what + " " + strings.ReplaceAll(detail, "\n", " ") + "\n")
}

// replicas are the replica processes of a test and what they have said.
type replicas struct {
	*bench
	orders orders
	procs  []*replicaProcess

	mu    sync.Mutex
	said  map[string]int // by the whole line
	news  chan struct{}
	kills int
}

// replicaProcess is a replica that can be killed as an operating system kills.
type replicaProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	other bytes.Buffer // what it said beside the lines for us; not to be read before it has ended
	ended chan struct{}
	err   error // once ended: how
}

func (b *bench) startReplicas(n int, o orders) *replicas {
	b.Helper()
	rs := &replicas{bench: b, orders: o, said: make(map[string]int), news: make(chan struct{}, 1)}
	for range n {
		rs.procs = append(rs.procs, rs.start())
	}
	return rs
}

func (rs *replicas) start() *replicaProcess {
	rs.Helper()
	self, err := os.Executable()
	if err != nil {
		rs.Fatal(err)
	}
	rs.orders.Seed++
	told, err := json.Marshal(rs.orders)
	if err != nil {
		rs.Fatal(err)
	}
	p := &replicaProcess{cmd: exec.Command(self, "-test.run=^TestReplicaProcess$"), ended: make(chan struct{})} //nolint:gosec // this very program
	p.cmd.Env = append(os.Environ(), replicaOrders+"="+string(told))
	p.cmd.Stderr = os.Stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		rs.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		rs.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		rs.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for out := bufio.NewScanner(stdout); out.Scan(); {
			if line, ok := strings.CutPrefix(out.Text(), replicaSays); ok {
				rs.hear(line)
			} else {
				fmt.Fprintln(&p.other, out.Text())
			}
		}
		p.err = p.cmd.Wait()
	}()
	rs.Cleanup(p.kill)
	return p
}

// kill is SIGKILL, and returns once the process has ended; it may be called again.
func (p *replicaProcess) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (rs *replicas) hear(line string) {
	rs.mu.Lock()
	rs.said[line]++
	rs.mu.Unlock()
	select {
	case rs.news <- struct{}{}:
	default: // there are some already
	}
}

// count returns how often something was said that begins so.
func (rs *replicas) count(beginning string) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	n := 0
	for line, times := range rs.said {
		if line == beginning || strings.HasPrefix(line, beginning+" ") {
			n += times
		}
	}
	return n
}

// awaitChanges waits until n more changes were made, by whichever process.
func (rs *replicas) awaitChanges(n int) {
	rs.Helper()
	ctx, cancel := context.WithTimeout(rs.Context(), 2*time.Minute)
	defer cancel()
	for goal := rs.count(saidChanged) + n; rs.count(saidChanged) < goal; {
		select {
		case <-rs.news:
		case <-ctx.Done():
			rs.Fatalf("%d of %d changes were made, and then no more", rs.count(saidChanged), goal)
		}
		for _, p := range rs.procs {
			select {
			case <-p.ended:
				rs.Fatalf("a replica has ended by itself: %v\n%s", p.err, p.other.String())
			default:
			}
		}
	}
}

// killOne kills a replica wherever it is just now and starts another in its place.
func (rs *replicas) killOne(random *rand.Rand) {
	rs.Helper()
	i := random.IntN(len(rs.procs))
	rs.procs[i].kill()
	rs.kills++
	rs.procs[i] = rs.start()
}

// rest has all replicas come to rest and end, and reports what they had to complain about.
func (rs *replicas) rest() {
	rs.Helper()
	for _, p := range rs.procs {
		if _, err := io.WriteString(p.stdin, replicaRest+"\n"); err != nil {
			rs.Error(err)
		}
	}
	for _, p := range rs.procs {
		<-p.ended
		if p.err != nil {
			rs.Errorf("a replica did not come to rest: %v\n%s", p.err, p.other.String())
		}
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for line, times := range rs.said {
		if strings.HasPrefix(line, saidTrouble+" ") {
			rs.Errorf("%d × %s", times, line)
		}
	}
}
