//go:build !slim

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/testkit"
)

// patience is how long a test waits for something that must come; nothing is asserted about how
// long it took.
const patience = 90 * time.Second

// process is the program as a child process.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// output collects what a child writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// environWith is the environment of the tests without what configures the program, and with more.
func environWith(more ...string) []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ACTIVITY_CORE_") {
			out = append(out, kv)
		}
	}
	return append(out, more...)
}

// startProcess runs the program in dir. It is killed after the test if it still runs.
func startProcess(t testing.TB, dir string, environ []string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(exe, args...), ended: make(chan struct{})}
	// What is killed leaves its temporary files behind: they go with the test's own.
	p.cmd.Dir, p.cmd.Env = dir, append(environWith(environ...), asProgram+"=1", "TMPDIR="+t.TempDir())
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit code is what code reads
	}()
	t.Cleanup(func() {
		if p.running() {
			p.kill()
		}
		if t.Failed() && p.stderr.String() != "" {
			t.Logf("activity-core %s said:\n%s", strings.Join(args, " "), p.stderr.String())
		}
	})
	return p
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// await returns the submatches of the first match of pattern in what the process wrote to
// standard output.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	testkit.Eventually(p.t, "wait for "+pattern, func() error {
		if found = re.FindStringSubmatch(p.stdout.String()); found != nil {
			return nil
		}
		if !p.running() {
			p.t.Fatalf("%v ended with %d before it printed %s:\n%s%s", p.cmd.Args, p.code(), pattern, p.stdout.String(), p.stderr.String())
		}
		return errors.New("not yet")
	})
	return found
}

// interrupt is Ctrl-C; it waits for the end and returns the exit code.
func (p *process) interrupt() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// kill is kill -9: the process gets no chance to tidy up.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	<-p.ended
}

// wait returns the exit code when the process has ended.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.code()
	case <-time.After(patience):
		p.t.Fatalf("%v still runs", p.cmd.Args)
		return -1
	}
}

func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// devProcess is `activity-core dev` on free ports, ready.
type devProcess struct {
	*process
	api, metrics, temporal, nats string
}

func startDev(t testing.TB, dir string, environ []string, args ...string) *devProcess {
	t.Helper()
	all := []string{"dev", "--http-port", "0", "--metrics-port", "0", "--temporal-port", "0", "--ui-port", "0", "--nats-port", "0"}
	d := &devProcess{process: startProcess(t, dir, environ, append(all, args...)...)}
	d.await(`Ctrl-C stops it`)
	d.api = d.await(`API +(\S+)`)[1]
	d.metrics = d.await(`Metrics +(\S+)`)[1]
	d.temporal = d.await(`Temporal  +([0-9.]+:[0-9]+)`)[1]
	d.nats = d.await(`NATS +(\S+)`)[1]
	return d
}
