package config

import (
	"fmt"
	"reflect"
	"strings"

	core "github.com/activity-core/activity-core"
)

// Entry is one setting as it is shown.
type Entry struct {
	Key   string `json:"key"`
	Env   string `json:"env"`
	Value string `json:"value"`
	Doc   string `json:"doc"`
}

// Redacted lists every setting with its effective value; a secret shows as
// "(set)" or "", a URL without its password.
func (c *Config) Redacted() []Entry {
	v := reflect.ValueOf(c).Elem()
	var out []Entry
	for _, s := range settings() {
		out = append(out, Entry{Key: s.key, Env: EnvName(s.key), Value: show(v.Field(s.index).Interface(), s.secret), Doc: s.doc})
	}
	return out
}

// String is the redacted form, so that a Config in a log line shows no secret.
func (c *Config) String() string {
	var b strings.Builder
	for _, e := range c.Redacted() {
		fmt.Fprintf(&b, "%s=%s ", e.Key, e.Value)
	}
	return strings.TrimSpace(b.String())
}

func show(v any, secret string) string {
	var text string
	switch v := v.(type) {
	case []string:
		text = strings.Join(v, ",")
	case core.Duration:
		text = v.String()
	default:
		text = fmt.Sprint(v)
	}
	if secret == "true" && text != "" {
		return "(set)"
	}
	return RedactURL(text)
}
