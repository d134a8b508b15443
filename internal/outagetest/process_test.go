//go:build !slim

package outagetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// envLong turns the experiment on: it takes as long as the outages that it makes.
const envLong = "ACTIVITY_CORE_LONG"

// program is a build of the program, made once for all tests.
type program struct{ path string }

func build(t *testing.T) program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "activity-core")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/activity-core").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return program{path}
}

// process is one process of the program. It can be killed and started again, as often as a test
// likes.
type process struct {
	*testing.T
	program
	args, env []string
	log       string
	cmd       *exec.Cmd
}

// process makes a process that is not started yet. Of the environment it sees only what is
// named here.
func (p program) process(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	log := filepath.Join(t.TempDir(), strings.Join(args[:2], "-")+".log")
	x := &process{T: t, program: p, args: args, env: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...), log: log}
	t.Cleanup(func() {
		x.kill()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("log of %v, its end:\n%s", args, text[max(0, len(text)-4000):])
		}
	})
	return x
}

// start begins the process; it may not be ready when start returns.
func (x *process) start() {
	x.Helper()
	log, err := os.OpenFile(x.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		x.Fatal(err)
	}
	defer log.Close()
	x.cmd = exec.Command(x.path, x.args...)
	x.cmd.Env, x.cmd.Stdout, x.cmd.Stderr = x.env, log, log
	if err := x.cmd.Start(); err != nil {
		x.Fatal(err)
	}
}

// kill ends the process without a warning (SIGKILL) and waits until it is gone.
func (x *process) kill() {
	if x.cmd == nil {
		return
	}
	_ = x.cmd.Process.Kill()
	_ = x.cmd.Wait()
	x.cmd = nil
}

// nextPort is where freePort goes on: below what Linux gives to outgoing connections
// (ip_local_port_range begins at 32768), so that no socket takes a port while its server is
// dead, and apart from test processes beside this one.
var nextPort = func() *atomic.Int32 {
	var at atomic.Int32
	at.Store(int32(12_000 + os.Getpid()%200*100))
	return &at
}()

// freePort is a port that nothing listens on, to be used by the same server again after its
// death. It is handed out once.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := int(nextPort.Add(1))
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", loopback(port))
		if err != nil {
			continue // somebody else's
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("100 ports in a row are taken")
	return 0
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
