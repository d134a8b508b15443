package secrets

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	core "github.com/activity-core/activity-core"
)

const (
	envPrefix   = "ACTIVITY_CORE_SECRET_"
	hostsSuffix = ".hosts"
	maxSize     = 64 << 10
)

// EnvName is the environment variable that holds a secret: "statehub-token" is
// ACTIVITY_CORE_SECRET_STATEHUB_TOKEN. The hosts it may be sent to, separated by commas, are in
// the variable with "_HOSTS" appended.
func EnvName(name string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// Environment is the source of secrets in environment variables, see [EnvName].
type Environment struct {
	// LookupEnv is os.LookupEnv, or a test's.
	LookupEnv func(string) (string, bool)
}

// Lookup implements [Source].
func (e Environment) Lookup(_ context.Context, name string) (string, []string, bool, error) {
	value, ok := e.LookupEnv(EnvName(name))
	if !ok {
		return "", nil, false, nil
	}
	list, _ := e.LookupEnv(EnvName(name) + "_HOSTS")
	hosts, err := parseHosts(list, EnvName(name)+"_HOSTS")
	return value, hosts, err == nil, err
}

// Files is the source of secrets in a folder, one file each, named like the secret: as
// Kubernetes mounts them and systemd passes credentials. A byte order mark and one newline at
// the end of a file are no part of the secret, as in `secret set`. Hosts are in a file of the
// same name with ".hosts" appended. Files are read anew each time, so that a rotated secret is
// used at once.
type Files struct {
	// Dir is the folder; "" has no secrets.
	Dir string
}

// Lookup implements [Source].
func (f Files) Lookup(_ context.Context, name string) (string, []string, bool, error) {
	if f.Dir == "" {
		return "", nil, false, nil
	}
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return "", nil, false, core.Wrap(core.CodeUnavailable, err, "the folder of secrets (secrets.dir) cannot be opened")
	}
	defer root.Close()
	value, ok, err := readFile(root, name)
	if !ok || err != nil {
		return "", nil, false, err
	}
	list, _, err := readFile(root, name+hostsSuffix)
	if err != nil {
		return "", nil, false, err
	}
	hosts, err := parseHosts(list, "the file "+name+hostsSuffix+" in secrets.dir")
	return value, hosts, err == nil, err
}

func readFile(root *os.Root, name string) (string, bool, error) {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, core.Wrap(core.CodeUnavailable, err, "the file %q in the folder of secrets cannot be read", name)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return "", false, core.Wrap(core.CodeUnavailable, err, "the file %q in the folder of secrets cannot be read", name)
	}
	if len(b) > maxSize {
		return "", false, core.Errorf(core.CodeTooLarge, "the file %q in the folder of secrets is larger than %d KiB", name, maxSize>>10)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(core.WithoutBOM(b)), "\n"), "\r"), true, nil
}
