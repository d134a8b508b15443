package webhook

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks 1.0 (https://www.standardwebhooks.com), which Svix also sends under its own names.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// checkStandard: the header holds one or more "v1,<base64>" parted by spaces, each an HMAC-SHA256 of
// "{id}.{timestamp}.{body}".
func checkStandard(secrets []string, h http.Header, body []byte, now time.Time) error {
	id, stamp := h.Get(headerID), h.Get(headerTimestamp)
	if id == "" {
		return unauthorized(headerID, "is missing")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return unauthorized(headerTimestamp, "is missing or not a time in seconds since 1970")
	}
	sent := time.Unix(seconds, 0)
	if sent.Before(now.Add(-Tolerance)) || sent.After(now.Add(Tolerance)) {
		return unauthorized(headerTimestamp, "is more than 5 minutes away from this server's clock; it may be a replay, or one of the clocks is wrong")
	}
	match := false
	for _, candidate := range strings.Fields(h.Get(headerSignature)) {
		encoded, ok := strings.CutPrefix(candidate, "v1,")
		if !ok { // v1a is asymmetric; other versions are unknown
			continue
		}
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			match = hmac.Equal(got, sum(standardKey(s), []byte(id), []byte("."), []byte(stamp), []byte("."), body)) || match
		}
	}
	if !match {
		return unauthorized(headerSignature, "does not fit the ID, the timestamp, the body and the secret that is set here")
	}
	return nil
}

// SignStandard returns the value of the header Webhook-Signature for a message, for senders and tests.
func SignStandard(secret, id string, sent time.Time, body []byte) string {
	stamp := strconv.FormatInt(sent.Unix(), 10)
	return "v1," + base64.StdEncoding.EncodeToString(sum(standardKey(secret), []byte(id), []byte("."), []byte(stamp), []byte("."), body))
}

// standardPrefix begins a secret as Standard Webhooks has it.
const standardPrefix = "whsec_"

// standardKey decodes "whsec_<base64>"; a secret without that prefix is taken as base64 if it is, and as it stands otherwise.
func standardKey(secret string) []byte {
	encoded := strings.TrimPrefix(secret, standardPrefix)
	if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		return key
	}
	return []byte(secret)
}
