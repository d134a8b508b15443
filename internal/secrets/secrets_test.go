package secrets_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/secrets"
)

// memory keeps sealed secrets as a store does; what is tested here is what is in them.
type memory map[string]core.SealedSecret

func (m memory) PutSecret(_ context.Context, s core.SealedSecret, _ core.Actor) error {
	m[s.Name] = s
	return nil
}

func (m memory) Secret(_ context.Context, name string) (core.SealedSecret, error) {
	s, ok := m[name]
	if !ok {
		return s, core.NotFound("secret", name)
	}
	return s, nil
}

func (m memory) Secrets(context.Context) (all []core.SealedSecret, _ error) {
	for _, s := range m {
		all = append(all, s)
	}
	return all, nil
}

func (m memory) DeleteSecret(_ context.Context, name string, _ core.Actor, _ time.Time) error {
	if _, ok := m[name]; !ok {
		return core.NotFound("secret", name)
	}
	delete(m, name)
	return nil
}

func key(fill byte) []byte { return slices.Repeat([]byte{fill}, secrets.KeySize) }

func box(t *testing.T, m memory, k []byte) *secrets.Box {
	t.Helper()
	b, err := secrets.NewBox(m, k, func() time.Time { return time.Unix(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func environ(vars map[string]string) secrets.Environment {
	return secrets.Environment{LookupEnv: func(k string) (string, bool) { v, ok := vars[k]; return v, ok }}
}

func TestEachSourceGivesItsSecretToItsHostOnly(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"filed": "\ufefffrom-file\r\n", "filed.hosts": "files.example\n*.files.example\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := box(t, memory{}, key(1))
	if err := b.Set(t.Context(), "stored", "from-store", []string{"store.example:8443"}, "test"); err != nil {
		t.Fatal(err)
	}
	r := secrets.NewResolver(
		environ(map[string]string{
			"ACTIVITY_CORE_SECRET_MY_TOKEN": "from-env", "ACTIVITY_CORE_SECRET_MY_TOKEN_HOSTS": "a.example, B.example",
			"ACTIVITY_CORE_SECRET_PLAIN_ENV": "from-env-unbound",
		}),
		secrets.Files{Dir: dir}, b)
	for _, c := range []struct {
		name, host, want string
		code             core.Code
	}{
		{"my-token", "a.example", "from-env", ""},
		{"my-token", "A.EXAMPLE", "from-env", ""},
		{"my-token", "b.example", "from-env", ""},
		{"my-token", "c.example", "", core.CodeForbidden},
		{"my-token", "a.example.evil", "", core.CodeForbidden},
		{"plain.env", "other.example", "", core.CodeForbidden},
		{"filed", "files.example", "from-file", ""},
		{"filed", "api.files.example", "from-file", ""},
		{"filed", "xfiles.example", "", core.CodeForbidden},
		{"stored", "store.example:8443", "from-store", ""},
		{"stored", "store.example", "", core.CodeForbidden},
		{"nowhere", "a.example", "", core.CodeNotFound},
		{"../etc/passwd", "a.example", "", core.CodeInvalid},
		{"filed.hosts", "files.example", "", core.CodeInvalid},
	} {
		got, err := r.Resolve(t.Context(), c.name, c.host)
		if got != c.want || core.CodeOf(err) != c.code {
			t.Errorf("%s for %s: got %q, %v; want %q, %s", c.name, c.host, got, err, c.want, c.code)
		}
		if err != nil && strings.Contains(err.Error(), "from-") {
			t.Errorf("an error contains the secret: %v", err)
		}
	}
}

func TestALinkOutOfTheFolderIsNoSecret(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if v, _, _, err := (secrets.Files{Dir: dir}).Lookup(t.Context(), "link"); err == nil || v != "" {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestTheStoreHoldsNoClearSecret(t *testing.T) {
	m := memory{}
	if err := box(t, m, key(1)).Set(t.Context(), "a", "hunter22-hunter22", []string{"x.example"}, "test"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(m["a"].Sealed), "hunter22") {
		t.Error("the secret is readable")
	}
	if err := box(t, m, key(1)).Set(t.Context(), "b", "hunter22-hunter22", []string{"x.example"}, "test"); err != nil {
		t.Fatal(err)
	}
	if string(m["a"].Sealed) == string(m["b"].Sealed) {
		t.Error("the same secret is sealed to the same bytes")
	}
}

func TestASealedSecretOpensForItsNameHostsAndKeyOnly(t *testing.T) {
	m := memory{}
	if err := box(t, m, key(1)).Set(t.Context(), "a", "hunter22", []string{"x.example"}, "test"); err != nil {
		t.Fatal(err)
	}
	good := m["a"]
	rebound, renamed, cut := good, good, good
	rebound.Hosts = []string{"evil.example", "x.example"}
	renamed.Name = "b"
	cut.Sealed = good.Sealed[:5]
	for what, c := range map[string]struct {
		row core.SealedSecret
		key []byte
	}{
		"another host": {rebound, key(1)}, "another name": {renamed, key(1)}, "another key": {good, key(2)}, "cut": {cut, key(1)}, "no key": {good, nil},
	} {
		b := box(t, memory{c.row.Name: c.row}, c.key)
		if v, _, _, err := b.Lookup(t.Context(), c.row.Name); err == nil || v != "" || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: got %q, %v", what, v, err)
		}
	}
	if v, _, ok, err := box(t, m, key(1)).Lookup(t.Context(), "a"); v != "hunter22" || !ok || err != nil {
		t.Errorf("unchanged: got %q, %v, %v", v, ok, err)
	}
}

func TestSetRefusesWhatCouldNotBeUsed(t *testing.T) {
	b := box(t, memory{}, key(1))
	for what, err := range map[string]error{
		"no host":    b.Set(t.Context(), "a", "v", nil, "test"),
		"a URL":      b.Set(t.Context(), "a", "v", []string{"https://x.example/"}, "test"),
		"all hosts":  b.Set(t.Context(), "a", "v", []string{"*"}, "test"),
		"upper case": b.Set(t.Context(), "A", "v", []string{"x.example"}, "test"),
		"empty":      b.Set(t.Context(), "a", "", []string{"x.example"}, "test"),
		"no key":     box(t, memory{}, nil).Set(t.Context(), "a", "v", []string{"x.example"}, "test"),
	} {
		if !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestListTellsNamesAndHostsInOrder(t *testing.T) {
	b := box(t, memory{}, key(1))
	for _, name := range []string{"b", "a"} {
		if err := b.Set(t.Context(), name, "v", []string{"y.example", "x.example", "x.example"}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := b.List(t.Context())
	if err != nil || len(infos) != 2 || infos[0].Name != "a" || !slices.Equal(infos[0].Hosts, []string{"x.example", "y.example"}) {
		t.Errorf("got %+v, %v", infos, err)
	}
	if err := b.Delete(t.Context(), "a", "test"); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), "a", "test"); !core.IsCode(err, core.CodeNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreReadInBase64AndHex(t *testing.T) {
	want := key(7)
	for _, text := range []string{base64.StdEncoding.EncodeToString(want), base64.RawURLEncoding.EncodeToString(want), strings.Repeat("07", 32) + "\n"} {
		if got, err := secrets.ParseKey(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("07", 31)} {
		if _, err := secrets.ParseKey(text); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
