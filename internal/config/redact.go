package config

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"
)

// hidden stands where a secret was.
const hidden = "xxxxx"

var (
	// secretName is the name of a parameter whose value is not shown.
	secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|credential|api.?key|^key$|auth`)
	// pair is key=value as a connection string has it, and key='value with spaces'.
	pair = regexp.MustCompile(`(?i)([\w%.-]+)(\s*=\s*)('(?:[^'\\]|\\.)*'?|[^&\s,;]*)`)
	// scheme begins a URL.
	scheme = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)
)

// RedactURL takes the secrets out of a text with URLs or a connection string: the password of
// user:password@, a user that stands alone before the @ (a token, for NATS), and the values of
// parameters that are named like a secret. In doubt it takes more.
func RedactURL(text string) string {
	text = pair.ReplaceAllStringFunc(text, func(found string) string {
		parts := pair.FindStringSubmatch(found)
		name := parts[1]
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if parts[3] == "" || !secretName.MatchString(name) {
			return found
		}
		return parts[1] + parts[2] + hidden
	})
	starts := scheme.FindAllStringIndex(text, -1)
	if starts == nil {
		return redactUser("", text)
	}
	var b strings.Builder
	b.WriteString(redactUser("", text[:starts[0][0]]))
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		b.WriteString(text[at[0]:at[1]])
		b.WriteString(redactUser(text[at[0]:at[1]], text[at[1]:end]))
	}
	return b.String()
}

// redactUser hides what stands before the last @: a password may have any character in it,
// whoever forgot to escape it.
func redactUser(scheme, rest string) string {
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return rest
	}
	user, _, hasPassword := strings.Cut(rest[:at], ":")
	if strings.ContainsAny(user, "%/@,") || !hasPassword && !strings.HasPrefix(scheme, "postgres") {
		return hidden + rest[at:]
	}
	if !hasPassword {
		return rest
	}
	return user + ":" + hidden + rest[at:]
}

// inText is a URL in a sentence.
var inText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// Scrubber takes the secrets of a configuration, and those of any URL, out of texts: an error
// of a library may quote what it was given.
func (c *Config) Scrubber() func(text string) string {
	var pairs []string
	hide := func(secret string) {
		if len(secret) >= 4 { // shorter ones stand in every text
			pairs = append(pairs, secret, hidden)
		}
	}
	v := reflect.ValueOf(c).Elem()
	for _, s := range settings() {
		text, ok := v.Field(s.index).Interface().(string)
		switch {
		case !ok || text == "":
		case s.secret == "true":
			hide(text)
		case s.secret == "url":
			for _, part := range append(strings.Split(text, ","), text) {
				hideURL(strings.TrimSpace(part), hide)
			}
		}
	}
	known := strings.NewReplacer(pairs...)
	return func(text string) string {
		if strings.Contains(text, "://") {
			text = inText.ReplaceAllStringFunc(text, RedactURL)
		}
		return known.Replace(text)
	}
}

// hideURL hides the secrets of one URL as they are written and as they are meant.
func hideURL(text string, hide func(string)) {
	u, err := url.Parse(text)
	if err != nil {
		hide(text)
		return
	}
	password, has := u.User.Password()
	if name := u.User.Username(); !has && !strings.HasPrefix(u.Scheme, "postgres") {
		password = name
	}
	hide(password)
	hide(url.QueryEscape(password))
	for name, values := range u.Query() {
		for _, v := range values {
			if secretName.MatchString(name) {
				hide(v)
			}
		}
	}
}
