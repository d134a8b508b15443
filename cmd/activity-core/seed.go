package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/examples"
	"github.com/activity-core/activity-core/internal/document"
)

func (c *cli) seedCommand() *cobra.Command {
	var write string
	cmd := &cobra.Command{
		Use: "seed", Short: "Load the sample definitions into the server, or write them to a folder", Args: noArgs,
		Long: `seed applies the sample definitions that are part of this program; other definitions stay as they are. With --write they are
written to a folder instead, with the context data they read: start the server with --context-dir DIR/context (or context.dir).`,
		Example: "  activity-core seed --write examples",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if write != "" {
				return c.writeSamples(write)
			}
			defs, err := sampleDefinitions()
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			r, err := api.Apply(cmd.Context(), defs, false)
			if err != nil {
				return err
			}
			return c.print(r, func() { c.showChangeset(r, false) })
		},
	}
	cmd.Flags().StringVar(&write, "write", "", "folder to write the samples to, made if missing; files that exist are never overwritten")
	return c.clientCommand(cmd)
}

// sampleDefinitions are those of examples/.
func sampleDefinitions() ([]core.Definition, error) {
	files, err := fs.Glob(examples.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var defs []core.Definition
	for _, file := range files {
		data, err := examples.Files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		docs, err := document.Parse(file, data, document.FormatOf(file))
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			defs = append(defs, d.Definition)
		}
	}
	return defs, nil
}

// writeSamples writes every sample file below dir, or none if one is there already.
func (c *cli) writeSamples(dir string) error {
	var paths []string
	err := fs.WalkDir(examples.Files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if _, err := os.Lstat(filepath.Join(dir, path)); err == nil {
			return usageError("--write %s: %s exists already and is not overwritten; name another folder", dir, filepath.Join(dir, path))
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range paths {
		data, err := examples.Files.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // samples are for everybody to read
			return usageError("--write: %w", err)
		}
		if err := os.WriteFile(target, data, 0o644); err != nil { //nolint:gosec // as above
			return usageError("--write: %w", err)
		}
	}
	return c.print(map[string]any{"written": paths}, func() {
		fmt.Fprintf(c.stdout, "wrote %d files to %s; next: activity-core dev -f %s --context-dir %s\n", len(paths), dir, dir, filepath.Join(dir, "context"))
	})
}
