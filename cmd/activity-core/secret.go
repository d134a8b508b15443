package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// maxSecret bounds what is read as a secret, bytes; the server refuses more.
const maxSecret = 64 << 10

func (c *cli) secretCommand() *cobra.Command {
	return group("secret", "Keep secrets for definitions, sealed and bound to hosts", c.secretSetCommand(), c.secretListCommand(),
		oneCommand(c, "delete NAME", "Delete a secret", "a secret's NAME", func(api *apiclient.Client, cmd *cobra.Command, name string) (wire.Secret, error) {
			s, err := api.Secret(cmd.Context(), name)
			if err != nil {
				return s, err
			}
			return s, api.DeleteSecret(cmd.Context(), name)
		}, func(s wire.Secret) { c.say("deleted secret %s", s.Name) }))
}

func (c *cli) secretSetCommand() *cobra.Command {
	var hosts []string
	var file string
	cmd := oneCommand(c, "set NAME", "Keep a secret, read from standard input or a file, for the hosts it may be sent to", "a secret's NAME", func(api *apiclient.Client, cmd *cobra.Command, name string) (wire.Secret, error) {
		if len(hosts) == 0 {
			return wire.Secret{}, usageError("--host is missing: name each host the secret may be sent to, such as --host api.example.com")
		}
		value, err := c.readSecret(file)
		if err != nil {
			return wire.Secret{}, err
		}
		return api.SetSecret(cmd.Context(), name, wire.SecretValue{Value: value, Hosts: hosts})
	}, func(s wire.Secret) {
		c.say("secret %s may be sent to %s", s.Name, strings.Join(s.Hosts, ", "))
	})
	cmd.Example = "  activity-core secret set statehub-token --host statehub.example < token.txt"
	cmd.Flags().StringSliceVar(&hosts, "host", nil, "host it may be sent to: example.com (https at port 443), example.com:8443 (that port, http too) or *.example.com; may be repeated")
	cmd.Flags().StringVar(&file, "from-file", "", "read the value from this file instead of standard input")
	return cmd
}

// readSecret reads a value, without the newline that editors and echo put at its end. It is
// never an argument: those are shown by ps and kept in the shell's history.
func (c *cli) readSecret(file string) (string, error) {
	from, in := "standard input", c.stdin
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError("--from-file: %w", err)
		}
		defer f.Close()
		from, in = file, f
	} else if f, ok := c.stdin.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprintln(c.stderr, "type the value (it is shown), then Ctrl-D on a new line")
		}
	}
	if in == nil {
		return "", usageError("there is no standard input; use --from-file")
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSecret+2))
	if err != nil {
		return "", fmt.Errorf("read the secret from %s: %w", from, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(core.WithoutBOM(b)), "\n"), "\r")
	switch {
	case value == "":
		return "", usageError("%s is empty", from)
	case len(value) > maxSecret:
		return "", usageError("%s has more than %d bytes", from, maxSecret)
	case !utf8.ValidString(value):
		return "", usageError("%s is not UTF-8 text; encode it, for example in base64", from)
	}
	return value, nil
}

func (c *cli) secretListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List names, hosts and times of secrets; their values are never shown", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			page, err := api.Secrets(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := [][]string{{"SECRET", "HOSTS", "UPDATED"}}
				for _, s := range page.Items {
					rows = append(rows, []string{s.Name, strings.Join(s.Hosts, ", "), ago(s.UpdatedAt)})
				}
				c.table(rows)
			})
		},
	}
	return c.clientCommand(cmd)
}
