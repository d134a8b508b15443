package outbound

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	core "github.com/activity-core/activity-core"
)

const (
	redacted       = "***"
	shortestSecret = 4 // bytes; shorter ones cannot be told from ordinary text
	// shortestEncoded is how many characters of a secret's base64 must be certain; fewer stand in
	// other data by chance.
	shortestEncoded = 6
)

// Redact blots secrets out of what came back, since a server may echo a request's headers.
// [Client.Do] does it for all that its request was made with. A secret is found as it is and
// with each of its characters escaped as JSON, HTML or URLs escape them, also twice; without
// its scheme ("Bearer …"); as user and password of Basic; in base64 at any alignment, alone or
// within more; in hexadecimal. Compressed, encrypted or reversed it is not recognised.
func Redact(text []byte, secrets ...string) []byte {
	if all := needlesOf(secrets); len(all) > 0 {
		return newFinder(all).blot(text, false)
	}
	return text
}

// secrets are the values that must not come out of a request's answer.
func (r Request) secrets() []string {
	values := append([]string(nil), r.Hidden...)
	for _, v := range r.Secret {
		values = append(values, v...)
	}
	return values
}

// redactAnswer blots a request's secrets out of its answer: body, values and names of headers.
func redactAnswer(res *Response, r Request) {
	all := needlesOf(r.secrets())
	if len(all) == 0 {
		return
	}
	f := newFinder(all)
	res.Body = f.blot(res.Body, res.Truncated)
	header := make(http.Header, len(res.Header))
	for name, list := range res.Header {
		if namesSecret(name, r.secrets()) {
			continue
		}
		for _, v := range list {
			header[name] = append(header[name], string(f.blot([]byte(v), false)))
		}
	}
	res.Header = header
}

// namesSecret reports whether a header's name holds a secret. The case of names is not kept.
func namesSecret(name string, secrets []string) bool {
	name = strings.ToLower(name)
	for _, s := range plainForms(secrets) {
		if strings.Contains(name, strings.ToLower(s)) {
			return true
		}
	}
	return false
}

// redactError blots a request's secrets out of an error, whose cause goes to the log.
func redactError(err error, r Request) error {
	secrets := r.secrets()
	var e *core.Error
	if len(secrets) == 0 || !errors.As(err, &e) {
		return err
	}
	clean := func(s string) string { return string(Redact([]byte(s), secrets...)) }
	out := &core.Error{Code: e.Code, Message: clean(e.Message), Cause: e.Cause}
	if e.Cause != nil && clean(e.Cause.Error()) != e.Cause.Error() {
		out.Cause = errors.New(clean(e.Cause.Error()))
	}
	return out
}

// plainForms are secrets as they are, without their scheme, and what Basic encodes.
func plainForms(secrets []string) []string {
	var all []string
	add := func(s string) {
		if len(s) >= shortestSecret {
			all = append(all, s)
		}
	}
	for _, s := range secrets {
		add(s)
		scheme, token, ok := strings.Cut(s, " ")
		if !ok {
			continue
		}
		add(token)
		if !strings.EqualFold(scheme, "Basic") {
			continue
		}
		if pair, err := base64.StdEncoding.DecodeString(token); err == nil {
			add(string(pair))
			_, password, _ := strings.Cut(string(pair), ":")
			add(password)
		}
	}
	return all
}

// needlesOf are all forms in which secrets are looked for.
func needlesOf(secrets []string) []needle {
	var all []needle
	for _, s := range plainForms(secrets) {
		all = append(all, newNeedle(s, false))
		for _, h := range []string{hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))} {
			all = append(all, newNeedle(h, false))
		}
		for _, b := range inBase64(s) {
			all = append(all, newNeedle(b, true))
		}
	}
	return all
}

// inBase64 are the characters that stand for a secret in base64, whatever comes before and
// after it: one text for each of the three alignments and two alphabets.
func inBase64(secret string) []string {
	var all []string
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		// Characters that hold bits of what stands beside the secret are not certain.
		text = text[[]int{0, 2, 3}[before]:]
		if (before+len(secret))%3 != 0 {
			text = text[:len(text)-1]
		}
		if len(text) < shortestEncoded {
			continue
		}
		all = append(all, text)
		if url := strings.NewReplacer("+", "-", "/", "_").Replace(text); url != text {
			all = append(all, url)
		}
	}
	return all
}
