package outbound

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	core "github.com/activity-core/activity-core"
)

// LongestRetryAfter is the most that [RetryAfter] answers.
const LongestRetryAfter = 24 * time.Hour

// RetryAfter is how long an answer asks to wait, in whole seconds or until a date; 0 if it does
// not ask. A date is taken relative to the answer's own clock, and to now if it has none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(LongestRetryAfter/time.Second) {
			return LongestRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if from, err := http.ParseTime(h.Get("Date")); err == nil {
		now = from
	}
	return min(max(at.Sub(now), 0), LongestRetryAfter)
}

// Later reports whether a status says that the same request may succeed later.
func Later(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
}

// LowerHeaders are the headers as expressions see them: names in lower case, several values
// joined with ", ".
func (r *Response) LowerHeaders() map[string]string {
	out := make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}

// MediaType is the type of the answer in lower case and without parameters, "" if it names none
// that can be read.
func (r *Response) MediaType() string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media
}

// SaysJSON reports whether the answer calls itself JSON.
func (r *Response) SaysJSON() bool {
	media := r.MediaType()
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// JSON reads the body as one JSON value.
func (r *Response) JSON() (any, error) { return core.DecodeData(r.Body) }

// Value is the body as expressions see it: the JSON value if the answer calls itself JSON, or
// looks like an object or list; text otherwise. What was cut is text, since half a JSON
// document is none.
func (r *Response) Value() any {
	trimmed := bytes.TrimSpace(r.Body)
	looksLike := len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
	if !r.Truncated && (r.SaysJSON() || looksLike) {
		if v, err := r.JSON(); err == nil {
			return v
		}
	}
	return strings.ToValidUTF8(string(r.Body), "\uFFFD")
}

// WantsTLS reports whether a server refuses plain HTTP since it speaks TLS at that port, as the
// usual ones say it.
func (r *Response) WantsTLS(asked *url.URL) bool {
	return asked.Scheme == "http" && r.Status == http.StatusBadRequest &&
		(bytes.Contains(r.Body, []byte("HTTP request to an HTTPS server")) || bytes.Contains(r.Body, []byte("HTTP request was sent to HTTPS port")) ||
			bytes.Contains(r.Body, []byte("plain HTTP to an SSL-enabled server port")))
}

// Kind says in a few words what the body is, for a message that something else was needed.
func (r *Response) Kind() string {
	media := r.MediaType()
	switch {
	case len(bytes.TrimSpace(r.Body)) == 0:
		return "an empty body"
	case media == "":
		return "text of no named type"
	case r.SaysJSON():
		return media + " that cannot be read"
	}
	return oneLine(media)
}

// utf8Text gives text in UTF-8, without a byte order mark: by the mark if there is one, else by
// the charset of its Content-Type. What is UTF-8 already, or of an unknown charset, stays as it
// is.
func utf8Text(contentType string, body []byte) []byte {
	if rest := core.WithoutBOM(body); len(rest) < len(body) {
		return rest
	}
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return decoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), body)
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return decoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), body)
	}
	_, params, _ := mime.ParseMediaType(contentType)
	charset := params["charset"]
	if charset == "" {
		return body
	}
	enc, err := htmlindex.Get(charset)
	if err != nil || enc == unicode.UTF8 {
		return body
	}
	return decoded(enc, body)
}

func decoded(enc encoding.Encoding, body []byte) []byte {
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	return out
}
