package outbound

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	redacted       = "***"
	shortestSecret = 4 // bytes; shorter ones cannot be told from ordinary text
)

// Redact blots secrets out of what came back, since a server may echo a request's headers. [Client.Do] does it for the
// request's Secret headers; what else was used to make a request (a signing key) is the caller's to name. A secret that
// comes back encoded in another way (base64, compressed) is not recognised.
func Redact(text []byte, secrets ...string) []byte {
	for _, s := range secrets {
		for _, form := range forms(s) {
			text = bytes.ReplaceAll(text, []byte(form), []byte(redacted))
		}
	}
	return text
}

// redactAnswer blots a request's secrets out of its answer.
func redactAnswer(res *Response, secret http.Header) {
	var values []string
	for _, v := range secret {
		values = append(values, v...)
	}
	if len(values) == 0 {
		return
	}
	res.Body = Redact(res.Body, values...)
	if res.Truncated {
		res.Body = redactEnd(res.Body, values)
	}
	res.Header = res.Header.Clone()
	for _, list := range res.Header {
		for i := range list {
			list[i] = string(Redact([]byte(list[i]), values...))
		}
	}
}

// redactEnd blots out the part of a secret that stands where a body was cut.
func redactEnd(body []byte, secrets []string) []byte {
	for _, s := range secrets {
		for _, form := range forms(s) {
			for n := min(len(form), len(body)); n >= shortestSecret; n-- {
				if bytes.HasSuffix(body, []byte(form[:n])) {
					return append(body[:len(body)-n:len(body)-n], redacted...)
				}
			}
		}
	}
	return body
}

// forms are the ways in which a secret can come back: as it is, as JSON, and without its scheme ("Bearer …").
func forms(secret string) []string {
	set := map[string]bool{secret: true}
	if _, token, ok := strings.Cut(secret, " "); ok {
		set[token] = true
	}
	for s := range maps.Clone(set) {
		if quoted, err := json.Marshal(s); err == nil {
			set[string(quoted[1:len(quoted)-1])] = true
		}
	}
	all := slices.Sorted(maps.Keys(set))
	slices.SortStableFunc(all, func(a, b string) int { return len(b) - len(a) }) // the longest first
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < shortestSecret })
}
