//go:build !slim

package devstack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/activity-core/activity-core/internal/devstack"
)

// childEnv makes the test binary run a stack on the folder it names instead of tests: something
// to kill -9.
const childEnv = "DEVSTACK_TEST_CHILD_DIR"

// testTimeout bounds a test that hangs; none waits for it otherwise.
const testTimeout = time.Minute

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// endpoints is what a child reports once it is ready.
type endpoints struct {
	Temporal, NATS, UI string
	ReadyMillis        int64
}

func runChild(dir string) error {
	began := time.Now()
	s, err := devstack.Start(context.Background(), stackConfig(dir))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(endpoints{
		Temporal: s.Temporal.Addr(), NATS: s.NATS.URL(), UI: s.UI.URL(), ReadyMillis: time.Since(began).Milliseconds(),
	}); err != nil {
		return err
	}
	// Ends with the parent, which holds the other end, however the parent ends.
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// inProcessOfItsOwn reports whether the test runs alone in its process; if not, it runs it
// there and passes on how that went. A stopped Temporal server leaves goroutines that make new
// ones: no leak can be told beside them.
func inProcessOfItsOwn(t *testing.T) bool {
	t.Helper()
	const aloneEnv = "DEVSTACK_TEST_ALONE"
	if os.Getenv(aloneEnv) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(testContext(t), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.count", "1")
	cmd.Env = append(os.Environ(), aloneEnv+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

type child struct {
	endpoints
	cmd *exec.Cmd
}

// startChild runs a stack on dir in another process and returns when it is ready.
func startChild(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd}
	t.Cleanup(func() { stdin.Close(); c.kill9() })
	if err := json.NewDecoder(stdout).Decode(&c.endpoints); err != nil {
		t.Fatalf("child did not become ready: %v", err)
	}
	return c
}

// kill9 ends the child without giving it a chance to do anything, and returns when it is gone.
func (c *child) kill9() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // "signal: killed" is what was asked for
	}
}

func searchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		"activity_id":        enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"activity_spec_hash": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}
}

func stackConfig(dir string) devstack.Config {
	return devstack.Config{
		Dir: dir, SyncAlways: true, SearchAttributes: searchAttributes(), NamespaceRefresh: 100 * time.Millisecond,
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func dialTemporal(t testing.TB, addr, namespace string) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: addr, Namespace: namespace, Logger: log.NewStructuredLogger(discard())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// stop stops a server and fails the test if that fails.
func stop(t testing.TB, server interface {
	Stop(ctx context.Context) error
},
) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}
