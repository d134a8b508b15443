//go:build slim

package main

import (
	"github.com/spf13/cobra"

	"github.com/activity-core/activity-core/internal/devstack"
)

// The production program holds no embedded servers: it says so instead of not knowing the command.

func (c *cli) devCommand() *cobra.Command {
	return &cobra.Command{Use: "dev", Short: "Not in this build", RunE: func(*cobra.Command, []string) error { return devstack.ErrSlim }}
}

func (c *cli) devServerCommand() *cobra.Command {
	return &cobra.Command{Use: "dev-server", Short: "Not in this build", RunE: func(*cobra.Command, []string) error { return devstack.ErrSlim }}
}
