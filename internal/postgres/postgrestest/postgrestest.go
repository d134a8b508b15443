// Package postgrestest runs a real PostgreSQL for tests: one server for a test
// binary, a fresh database for each test.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// The environment variables that turn the tests on.
const (
	// EnvOn set to 1 starts a server from the machine's binaries; a missing binary fails the test.
	EnvOn = "ACTIVITY_CORE_TEST_POSTGRES"
	// EnvURL names a running server instead; its user must be allowed to create databases.
	EnvURL = "ACTIVITY_CORE_TEST_POSTGRES_URL"
)

var (
	once      sync.Once
	serverURL string
	startErr  error
	stop      func()
	databases atomic.Int64
)

// Main runs the tests and stops the server; TestMain calls it.
func Main(m *testing.M) int {
	code := m.Run()
	Stop()
	return code
}

// Stop stops the server if one was started. Only a TestMain that cannot use [Main], after its
// tests, calls it.
func Stop() {
	if stop != nil {
		stop()
	}
}

// Database returns the URL of a fresh, empty database that is dropped after the
// test. Without the environment variables the test is skipped.
func Database(t testing.TB) string {
	t.Helper()
	given := os.Getenv(EnvURL)
	if given == "" && os.Getenv(EnvOn) != "1" {
		t.Skipf("PostgreSQL tests are off; set %s=1 (uses initdb and postgres of this machine) or %s=postgres://…", EnvOn, EnvURL)
	}
	once.Do(func() {
		if serverURL = given; given == "" {
			serverURL, stop, startErr = start()
		}
	})
	if startErr != nil {
		t.Fatalf("start PostgreSQL: %v", startErr)
	}
	name := fmt.Sprintf("t%d_%d", os.Getpid(), databases.Add(1))
	admin(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func admin(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", serverURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// binary finds a program of PostgreSQL on the PATH or where Debian keeps it.
func binary(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		sort.Strings(found)
		return found[len(found)-1], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not on this machine; install PostgreSQL (Debian: postgresql): %w", name, err)
	}
	return path, nil
}

// start makes a cluster in a temporary folder and runs it on a free loopback port.
func start() (serverURL string, stop func(), err error) {
	initdb, errInit := binary("initdb")
	postgres, errServer := binary("postgres")
	if err := errors.Join(errInit, errServer); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "activity-core-pg-")
	if err != nil {
		return "", nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	as, err := unprivileged(dir)
	if err != nil {
		remove()
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(initdb, "-D", data, "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	cmd.SysProcAttr, cmd.Dir = as, dir
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		remove()
		return "", nil, err
	}
	var log strings.Builder
	server := exec.Command(postgres, "-D", data, "-p", strconv.Itoa(port), "-k", dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	server.SysProcAttr, server.Dir, server.Stderr = as, dir, &log
	if err := server.Start(); err != nil {
		remove()
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	stop = func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = server.Process.Kill()
			<-ended
		}
		remove()
	}
	serverURL = fmt.Sprintf("postgres://test@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := awaitReady(serverURL, ended); err != nil {
		stop()
		return "", nil, fmt.Errorf("%w\n%s", err, log.String())
	}
	return serverURL, stop, nil
}

func awaitReady(serverURL string, ended chan error) error {
	db, err := sql.Open("pgx", serverURL)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case e := <-ended:
			ended <- e
			return fmt.Errorf("the server ended: %w", e)
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unprivileged makes the server run as user postgres where the tests run as
// root, which it refuses, and gives that user the folder.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no attributes are needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root and there is no user postgres: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID, os.Chown(dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
