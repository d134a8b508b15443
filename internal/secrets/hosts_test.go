package secrets_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/secrets"
)

// A binding without a port means https at 443: nothing else of the same machine gets the secret.
func TestABindingNamesAPortOrMeansHTTPS(t *testing.T) {
	for _, c := range []struct {
		bound, host string
		ok          bool
	}{
		{"a.example", "a.example", true}, {"a.example", "a.example:80", false}, {"a.example", "a.example:8443", false}, {"a.example", "a.example:443", false}, // :443 is said of plain HTTP
		{"a.example:443", "a.example", true}, {"a.example:443", "a.example:443", true}, {"a.example:80", "a.example:80", true}, {"a.example:80", "a.example", false},
		{"a.example:8443", "a.example:8443", true}, {"a.example:8443", "a.example:9443", false},
		{"*.a.example", "b.a.example", true}, {"*.a.example", "b.a.example:80", false}, {"*.a.example:80", "b.a.example:80", true}, {"*.a.example", "a.example", false},
		{"[2001:db8::1]", "[2001:db8::1]", true}, {"[2001:db8::1]", "[2001:db8::1]:80", false}, {"[2001:db8::1]:80", "[2001:db8::1]:80", true},
	} {
		r := secrets.NewResolver(environ(map[string]string{"ACTIVITY_CORE_SECRET_T": "hunter22", "ACTIVITY_CORE_SECRET_T_HOSTS": c.bound}))
		got, err := r.Resolve(t.Context(), "t", c.host)
		if (err == nil) != c.ok || c.ok != (got == "hunter22") {
			t.Errorf("bound to %s, for %s: got %q, %v; want it %v", c.bound, c.host, got, err, c.ok)
		}
	}
}

// What was bound before bindings had ports says what it means now, and how to bind it as it was
// meant.
func TestARefusalSaysWhatTheBindingMeansAndHowToChangeIt(t *testing.T) {
	r := secrets.NewResolver(environ(map[string]string{"ACTIVITY_CORE_SECRET_T": "hunter22", "ACTIVITY_CORE_SECRET_T_HOSTS": "a.example"}))
	_, err := r.Resolve(t.Context(), "t", "a.example:8080")
	for _, want := range []string{"bound to a.example, which means https at port 443 only", "--host a.example:8080"} {
		if !core.IsCode(err, core.CodeForbidden) || !strings.Contains(core.MessageOf(err), want) {
			t.Errorf("got %v, want forbidden with %q", err, want)
		}
	}
}

// Each place that hosts are read from refuses the same ones.
func TestEverySourceRefusesWhatIsNoHost(t *testing.T) {
	for _, host := range []string{"a.example/x", "https://a.example", "a@b.example", "a.example\x00", "a.ex\x1bample", "a.ex\u202eample", "a\u00a0b", "*", "*.", "**.a.example",
		"a.*.example", "a..example", "a.example:", "a.example:0", "a.example:65536", "a.example:080", "a.example:http", "[::1", "2001:db8::1", "a.example?x", "a.example#x", "."} {
		for place, err := range map[string]error{
			"CheckHost": secrets.CheckHost(host),
			"the store": box(t, memory{}, key(1)).Set(t.Context(), "t", "hunter22", []string{host}, "test"),
			"the environment": func() error {
				_, _, _, err := environ(map[string]string{"ACTIVITY_CORE_SECRET_T": "hunter22", "ACTIVITY_CORE_SECRET_T_HOSTS": "good.example," + host}).Lookup(t.Context(), "t")
				return err
			}(),
		} {
			if !core.IsCode(err, core.CodeInvalid) || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%q in %s: got %v, want invalid", host, place, err)
			}
		}
	}
	for _, host := range []string{"a.example", "*.a.example", "a-b_c.example", "localhost:8080", "192.0.2.1:80", "[::1]:8080", "xn--bcher-kva.example", "bücher.example", "*.a.example:8443"} {
		if err := secrets.CheckHost(host); err != nil {
			t.Errorf("%q: got %v, want nil", host, err)
		}
	}
}
