package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/terminal"
)

// environment is everything a command takes from the process, so that tests run
// commands without one.
type environment struct {
	args           []string
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

func (e environment) lookup(name string) string {
	for _, kv := range e.environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// Exit codes (docs/conventions.md).
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDifferences = 3
)

// exitError carries an exit code with, or instead of, a message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// cli is what all commands share.
type cli struct {
	environment
	server, token, output string
}

func run(ctx context.Context, env environment) int {
	stdout, stderr := terminal.NewWriter(env.stdout), terminal.NewWriter(env.stderr)
	defer stdout.Flush()
	defer stderr.Flush()
	env.stdout, env.stderr = stdout, stderr
	c := &cli{environment: env}
	root := c.rootCommand()
	root.SetArgs(env.args)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	c.printError(err)
	return exitCode(err)
}

func exitCode(err error) int {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	switch core.CodeOf(err) {
	case core.CodeInvalid, core.CodeMalformed, core.CodeTooLarge:
		return exitUsage
	}
	return exitFailed
}

// printError writes the message and every field at fault, one a line.
func (c *cli) printError(err error) {
	var e *core.Error
	if errors.As(err, &e) {
		fmt.Fprintf(c.stderr, "error: %s\n", terminal.Line(e.Message))
		if len(e.Fields) > 1 || len(e.Fields) == 1 && !strings.Contains(e.Message, e.Fields[0].Message) {
			for _, f := range e.Fields {
				fmt.Fprintf(c.stderr, "  %s\n", terminal.Line(f.String()))
			}
		}
		return
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(c.stderr, "error: %s\n", text)
	}
}

func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "activity-core",
		Short: "Run activities on a clock or on an event, exactly once per cause",
		Long: `activity-core runs activities on a clock or on an event, exactly once per cause.

Start with:  activity-core dev -f examples/ --context-dir examples/context`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if name := cmd.Name(); name == "serve" || name == "dev" || name == "doctor" {
				return nil // they read the setting with all others
			}
			return c.useZoneData()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w\nrun '%s --help' for the flags", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: "server", Title: "Servers:"},
		&cobra.Group{ID: "define", Title: "Definitions:"},
		&cobra.Group{ID: "observe", Title: "What happened:"},
		&cobra.Group{ID: "operate", Title: "Operation:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add("server", c.devCommand(), c.serveCommand(), c.migrateCommand(), c.seedCommand(), c.devServerCommand())
	add("define", c.validateCommand(), c.schemaCommand(), c.planCommand(), c.applyCommand(), c.getCommand(), c.describeCommand(),
		c.deleteCommand(), c.pauseCommand(), c.resumeCommand(), c.triggerCommand(), c.nextCommand(), c.simulateCommand(), c.dryRunCommand(), c.backfillCommand())
	add("observe", c.runsCommand(), c.tasksCommand(), c.eventsCommand(), c.deadLettersCommand(), c.ledgerCommand(), c.schedulesCommand(), c.auditCommand())
	add("operate", c.doctorCommand(), c.syncCommand(), c.secretCommand(), c.configCommand(), c.versionCommand())
	return root
}

// clientCommand adds the flags that every client command has.
func (c *cli) clientCommand(cmd *cobra.Command) *cobra.Command {
	server := c.lookup("ACTIVITY_CORE_SERVER")
	if server == "" {
		server = "http://127.0.0.1:8010"
	}
	cmd.Flags().StringVar(&c.server, "server", server, "URL of the server (or ACTIVITY_CORE_SERVER)")
	cmd.Flags().StringVar(&c.token, "token", "", "bearer token (or ACTIVITY_CORE_TOKEN, which no process list shows)")
	return c.outputCommand(cmd)
}

func (c *cli) outputCommand(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&c.output, "output", "o", "table", "table, json or yaml")
	inner := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch c.output {
		case "table", "json", "yaml":
		default:
			return usageError("--output %q: must be table, json or yaml", c.output)
		}
		if inner != nil {
			return inner(cmd, args)
		}
		return nil
	}
	return cmd
}

func (c *cli) client() (*apiclient.Client, error) {
	token := c.token
	if token == "" {
		token = c.lookup("ACTIVITY_CORE_TOKEN")
	}
	return apiclient.New(c.server, token)
}

// exactly refuses other numbers of arguments with a sentence that names them.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError("%s needs %s; run '%s --help'", cmd.CommandPath(), strings.Join(names, " and "), cmd.CommandPath())
		}
		return nil
	}
}

// atMostOne refuses more than one argument with a sentence that names it.
func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError("%s takes one %s, not also %q; run '%s --help'", cmd.CommandPath(), name, args[1], cmd.CommandPath())
		}
		return nil
	}
}

// knownCommand refuses an argument of a command that only groups others: it was meant as one of
// them.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	cmd.SuggestionsMinimumDistance = 2 // letters to change, cobra's own default
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		meant = fmt.Sprintf(", did you mean %q?", near[0])
	}
	return usageError("%s has no command %q%s; run '%s --help'", cmd.CommandPath(), args[0], meant, cmd.CommandPath())
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument %q; run '%s --help'", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}
