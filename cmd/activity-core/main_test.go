//go:build !slim

package main

import (
	"os"
	"testing"

	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
)

// asProgram set to 1 turns this test binary into the program, so that tests can run, interrupt
// and kill the real thing without building it a second time.
const asProgram = "TEST_BINARY_IS_ACTIVITY_CORE"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
		return // main has ended the process
	}
	os.Exit(postgrestest.Main(m))
}
