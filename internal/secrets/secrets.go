// Package secrets owns where secrets come from: the environment, a folder of files, and sealed
// in the store. It hands one out only together with the host it is for, and must never put a
// secret into an error, a log or a list.
package secrets

import (
	"context"
	"regexp"
	"slices"
	"strings"

	core "github.com/activity-core/activity-core"
)

// Source is a place that may hold a secret.
type Source interface {
	// Lookup returns a secret's value and the hosts it may be sent to; ok is false if the source
	// has none of that name.
	Lookup(ctx context.Context, name string) (value string, hosts []string, ok bool, err error)
}

// Resolver finds secrets in its sources, the first one that has it.
type Resolver struct {
	sources []Source
}

// NewResolver makes a resolver.
func NewResolver(sources ...Source) *Resolver { return &Resolver{sources: sources} }

// Resolve returns the secret name for a request to host: "example.com" for https at port 443,
// "example.com:8443" for every other port and for plain HTTP. CodeNotFound: no source has it;
// CodeForbidden: it is not bound to this host.
func (r *Resolver) Resolve(ctx context.Context, name, host string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	for _, s := range r.sources {
		value, hosts, ok, err := s.Lookup(ctx, name)
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		if !slices.ContainsFunc(hosts, func(pattern string) bool { return hostMatches(pattern, host) }) {
			return "", refused(name, host, hosts)
		}
		return value, nil
	}
	return "", core.Errorf(core.CodeNotFound, "there is no secret %q; set it with `secret set %s --host %s`, the environment variable %s, or a file in secrets.dir", name, name, host, EnvName(name))
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)

// CheckName refuses names that are not 1 to 100 lower-case letters, digits, '-', '_' and '.',
// beginning and ending with a letter or digit.
func CheckName(name string) error {
	if !validName.MatchString(name) || strings.HasSuffix(name, hostsSuffix) {
		return core.InvalidField("secret", name, "is no name of a secret; use 1 to 100 lower-case letters, digits, '-', '_' and '.', not ending in %q", hostsSuffix)
	}
	return nil
}
