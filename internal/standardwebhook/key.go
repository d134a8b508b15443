package standardwebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// secretPrefix begins a secret as senders show it; it may be left out.
const secretPrefix = "whsec_"

// version begins a symmetric signature; v1a is asymmetric, others are unknown.
const version = "v1,"

// Key is what a secret signs with. The zero Key signs nothing.
type Key struct{ bytes []byte }

// ErrSecret says what a secret has to look like, and what to do with one that was used as it
// stands.
var ErrSecret = errors.New("is not whsec_ and base64, as Standard Webhooks has it; copy all of it from the other side, " +
	"or, if that signs with the text as it stands, write whsec_ and the text in base64 (`printf %s TEXT | base64 -w0`)")

// ParseSecret reads a secret: "whsec_", if it is there, is taken off, and the rest is base64
// (RFC 4648, section 4, with padding). Errors are [ErrSecret], and one about an empty key, with
// which anybody could sign.
func ParseSecret(secret string) (Key, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return Key{}, ErrSecret
	}
	if len(raw) == 0 {
		return Key{}, errors.New("is empty behind whsec_; copy all of it from the other side")
	}
	return Key{raw}, nil
}

// Len is how many bytes the key has.
func (k Key) Len() int { return len(k.bytes) }

// Sign returns the header webhook-signature of a message.
func (k Key) Sign(id string, sent time.Time, body []byte) string {
	return version + base64.StdEncoding.EncodeToString(k.sum(id, strconv.FormatInt(sent.Unix(), 10), body))
}

// sum is the HMAC-SHA256 of "{id}.{timestamp}.{body}".
func (k Key) sum(id, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, k.bytes)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
