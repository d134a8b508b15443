//go:build !slim

package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/telemetry"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// devServerCommand runs one embedded server alone, to try `serve` on a machine without Temporal
// and NATS.
func (c *cli) devServerCommand() *cobra.Command {
	server := func(name string, port int, run func(cmd *cobra.Command, dir, addr string, ready func(string)) error) *cobra.Command {
		var dir string
		cmd := &cobra.Command{
			Use: name, Short: fmt.Sprintf("Run the embedded %s alone", name), Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return run(cmd, dir, fmt.Sprintf("127.0.0.1:%d", port), func(addr string) {
					fmt.Fprintf(c.stdout, "%s is ready at %s\n", name, addr)
				})
			},
		}
		cmd.Flags().StringVar(&dir, "data-dir", filepath.Join(".activity-core", name), "folder that keeps its data")
		numberVar(cmd.Flags(), &port, "port", port, "port on 127.0.0.1; 0 picks a free one")
		return cmd
	}
	log := telemetry.NewLogger(c.stderr, "warn", "text")
	return group("dev-server", "Run one embedded server alone, to try serve without installing anything",
		server("temporal", 7233, func(cmd *cobra.Command, dir, addr string, ready func(string)) error {
			attributes := map[string]enumspb.IndexedValueType{}
			for _, name := range temporalrun.SearchAttributes() {
				attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
			}
			return devstack.ServeTemporal(cmd.Context(), devstack.TemporalConfig{Dir: dir, FrontendAddr: addr, SearchAttributes: attributes, Logger: log}, ready)
		}),
		server("nats", 4222, func(cmd *cobra.Command, dir, addr string, ready func(string)) error {
			return devstack.ServeNATS(cmd.Context(), devstack.NATSConfig{Dir: dir, Addr: addr, SyncAlways: true, Logger: log}, ready)
		}),
	)
}
