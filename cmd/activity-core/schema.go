package main

import (
	"github.com/spf13/cobra"

	"github.com/activity-core/activity-core/internal/document"
)

func (c *cli) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of definitions, for editors", Args: noArgs,
		Long: `schema prints the JSON Schema (draft 2020-12) of a definition. Editors that know it complete fields, explain them and mark mistakes
while a definition is written. What a schema cannot say (cron, zones, filters, expressions), validate checks.`,
		Example: `  activity-core schema > activity.schema.json
  # first line of a definition: # yaml-language-server: $schema=activity.schema.json`,
		RunE: func(*cobra.Command, []string) error {
			text, err := document.Schema()
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(text)
			return err
		},
	}
}
