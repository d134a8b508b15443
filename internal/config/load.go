package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	core "github.com/activity-core/activity-core"
)

// EnvPrefix begins the name of every environment variable that is a setting.
const EnvPrefix = "ACTIVITY_CORE_"

// notSettings are the beginnings of environment variables with our prefix that are something else.
var notSettings = []string{"SECRET_", "TEST_", "LONG", "SERVER", "TOKEN"}

// Sources are where settings come from, in rising precedence after the defaults.
type Sources struct {
	// File is a YAML file; empty: none.
	File string
	// Environ is as os.Environ gives it.
	Environ []string
	// Flags are settings by key, as text.
	Flags map[string]string
}

// setting is one field of Config with its tags.
type setting struct {
	key, def, secret, doc, min, max string
	index                           int
}

func settings() []setting {
	t := reflect.TypeFor[Config]()
	out := make([]setting, t.NumField())
	for i := range out {
		tag := t.Field(i).Tag
		out[i] = setting{tag.Get("key"), tag.Get("default"), tag.Get("secret"), tag.Get("doc"), tag.Get("min"), tag.Get("max"), i}
	}
	return out
}

// EnvName is the environment variable of a key.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Load reads all sources and validates the result whole. The error lists every
// fault with its key, value and remedy, and says where the value came from.
func Load(src Sources) (*Config, error) {
	k := koanf.New(".")
	origin := map[string]string{}
	all := settings()
	keys := make([]string, len(all))
	byEnv := map[string]string{}
	defaults := map[string]any{}
	for i, s := range all {
		keys[i] = s.key
		byEnv[EnvName(s.key)] = s.key
		if s.def != "" {
			defaults[s.key] = s.def
		}
	}
	if err := k.Load(confmap.Provider(defaults, "."), nil); err != nil {
		return nil, err
	}
	var faults []core.FieldError
	if src.File != "" {
		more, err := loadFile(k, src.File, keys, origin)
		if err != nil {
			return nil, err
		}
		faults = append(faults, more...)
	}
	fromEnv, more := environment(src.Environ, byEnv, origin)
	faults = append(faults, more...)
	for key := range src.Flags {
		origin[key] = "flag"
	}
	flags := map[string]any{}
	for key, v := range src.Flags {
		flags[key] = v
	}
	for _, layer := range []map[string]any{fromEnv, flags} {
		if err := k.Load(confmap.Provider(layer, "."), nil); err != nil {
			return nil, err
		}
	}
	c := &Config{}
	v := reflect.ValueOf(c).Elem()
	for _, s := range all {
		if f := assign(v.Field(s.index), k.Get(s.key), s); f != nil {
			if o := origin[s.key]; o != "" {
				f.Message += " (set by " + o + ")"
			}
			faults = append(faults, *f)
		}
	}
	faults = append(faults, c.check()...)
	if len(faults) > 0 {
		lines := make([]string, len(faults))
		for i, f := range faults {
			lines[i] = f.String()
		}
		return nil, core.Invalid("the configuration is not valid:\n  "+strings.Join(lines, "\n  "), faults...)
	}
	return c, nil
}

func loadFile(k *koanf.Koanf, path string, keys []string, origin map[string]string) ([]core.FieldError, error) {
	inFile := koanf.New(".")
	if err := inFile.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, core.InvalidField("--config", path, "there is no such file")
		}
		return nil, core.Wrap(core.CodeInvalid, err, "configuration file %s cannot be read: %v", path, err)
	}
	faults := changedNumbers(path)
	for _, key := range inFile.Keys() {
		if !contains(keys, key) {
			faults = append(faults, unknownKey(key, path, keys))
			continue
		}
		origin[key] = path
	}
	if len(faults) > 0 {
		return faults, nil
	}
	return nil, k.Merge(inFile)
}

func unknownKey(key, where string, keys []string) core.FieldError {
	msg := fmt.Sprintf("is not a setting (in %s); `activity-core config print` lists them", where)
	if s := core.Suggest(key, keys); s != "" {
		msg = fmt.Sprintf("is not a setting (in %s); did you mean %q?", where, s)
	}
	return core.FieldError{Location: key, Message: msg}
}

func environment(environ []string, byEnv map[string]string, origin map[string]string) (map[string]any, []core.FieldError) {
	values := map[string]any{}
	var faults []core.FieldError
	names := slices.Sorted(maps.Keys(byEnv)) // of two that are equally near the same is named each time
next:
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours {
			continue
		}
		if key, ok := byEnv[name]; ok {
			values[key] = value
			origin[key] = name
			continue
		}
		for _, p := range notSettings {
			if strings.HasPrefix(rest, p) {
				continue next
			}
		}
		msg := "is not a setting"
		if s := core.Suggest(name, names); s != "" {
			msg = fmt.Sprintf("is not a setting; did you mean %s?", s)
		}
		faults = append(faults, core.FieldError{Location: name, Message: msg})
	}
	return values, faults
}

// assign converts the text or YAML value of one setting.
func assign(v reflect.Value, raw any, s setting) *core.FieldError {
	bad := func(format string, args ...any) *core.FieldError {
		f := &core.FieldError{Location: s.key, Message: fmt.Sprintf(format, args...)}
		if s.secret == "" {
			f.Value = raw
			f.Message = fmt.Sprintf("%q ", fmt.Sprint(raw)) + f.Message
		}
		return f
	}
	if raw == nil {
		return nil
	}
	text := strings.TrimSpace(fmt.Sprint(raw))
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return bad("must be true or false")
		}
		*p = b
	case *[]string:
		*p = list(raw)
	case *core.Duration:
		d, err := core.ParseDuration(text)
		if err != nil {
			return bad("is not a duration such as 30s, 15m or 72h")
		}
		lo, _ := core.ParseDuration(s.min)
		hi, errHi := core.ParseDuration(s.max)
		if d < lo || errHi == nil && d > hi {
			return bad("must be at least %s%s", s.min, upTo(s.max))
		}
		*p = d
	default:
		if err := core.NumberAsTyped(text); err != nil && strings.Trim(text, "+-0123456789") == "" && len(text) > 1 {
			return bad("must be written without a sign and zeros before it, such as %s", plainWhole(text))
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return bad("must be an integer")
		}
		lo, errLo := strconv.ParseInt(s.min, 10, 64)
		hi, errHi := strconv.ParseInt(s.max, 10, 64)
		if errLo == nil && n < lo || errHi == nil && n > hi {
			return bad("must be at least %s%s", s.min, upTo(s.max))
		}
		v.SetInt(n)
	}
	return nil
}

// plainWhole is a whole number as it is to be written.
func plainWhole(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "10"
	}
	return strconv.FormatInt(n, 10)
}

func upTo(limit string) string {
	if limit == "" {
		return ""
	}
	return " and at most " + limit
}

func list(raw any) []string {
	var out []string
	switch raw := raw.(type) {
	case []any:
		for _, e := range raw {
			out = append(out, fmt.Sprint(e))
		}
	default:
		for _, e := range strings.Split(fmt.Sprint(raw), ",") {
			if e = strings.TrimSpace(e); e != "" {
				out = append(out, e)
			}
		}
	}
	return out
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}
