//go:build !slim

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/postgres/postgrestest"

	"github.com/activity-core/activity-core/internal/testkit"
)

// TestPostgresScripts runs the files of testdata/postgres: production's `serve`, with
// PostgreSQL, Temporal and NATS in processes of their own.
func TestPostgresScripts(t *testing.T) {
	postgrestest.Database(t) // skips the test, with the remedy, where there is no PostgreSQL
	runScripts(t, "postgres")
}

// environment cuts leading NAME=VALUE words off.
func (s *script) environment(args []string) (environ, rest []string) {
	for len(args) > 0 && strings.Contains(args[0], "=") && !strings.HasPrefix(args[0], "-") {
		environ, args = append(environ, args[0]), args[1:]
	}
	return environ, args
}

// database makes an empty database.
func (s *script) database([]string) int {
	s.vars["DATABASE_URL"] = postgrestest.Database(s.T)
	return 0
}

func (s *script) startTemporal(args []string) int {
	s.need(args, 1, "temporal-server DIR")
	p := startProcess(s.T, s.work, nil, "dev-server", "temporal", "--port", "0", "--data-dir", args[0])
	s.vars["TEMPORAL"] = p.await(`ready at (\S+)`)[1]
	return 0
}

// serve starts a replica and waits until it is ready; the commands after it talk to that one.
func (s *script) serve(args []string) int {
	s.need(args, 1, "serve NAME [SETTING=VALUE…] [FLAGS]")
	environ, flags := s.environment(args[1:])
	d := &devProcess{api: "http://" + s.freeAddr(), metrics: "http://" + s.freeAddr() + "/metrics", temporal: s.vars["TEMPORAL"], nats: s.vars["NATS_URL"]}
	environ = append(environ,
		"ACTIVITY_CORE_API_INSECURE_NO_AUTH=true",
		"ACTIVITY_CORE_API_ADDR="+hostPort(d.api), "ACTIVITY_CORE_METRICS_ADDR="+hostPort(d.metrics),
		"ACTIVITY_CORE_DATABASE_URL="+s.vars["DATABASE_URL"], "ACTIVITY_CORE_TEMPORAL_ADDRESS="+d.temporal, "ACTIVITY_CORE_NATS_URL="+d.nats)
	d.process = startProcess(s.T, s.work, environ, append([]string{"serve"}, flags...)...)
	testkit.Eventually(s.T, s.where, func() error {
		if !d.running() {
			s.failf("serve ended with %d:\n%s", d.code(), d.stderr.String())
		}
		answer, err := http.Get(d.api + "/readyz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz is %d", answer.StatusCode)
		}
		return nil
	})
	if s.replicas == nil {
		s.replicas = map[string]*devProcess{}
	}
	s.replicas[args[0]] = d
	return s.use(args)
}

// use makes the commands that follow talk to another replica.
func (s *script) use(args []string) int {
	s.need(args, 1, "use NAME")
	if s.dev = s.replicas[args[0]]; s.dev == nil {
		s.failf("there is no replica %q", args[0])
	}
	s.vars["SERVER"] = s.dev.api
	return 0
}

// freeAddr is a loopback address on which nothing listened a moment ago.
func (s *script) freeAddr() string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.failf("%v", err)
	}
	defer l.Close()
	return l.Addr().String()
}

func hostPort(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
