package standardwebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// The headers of a message. Svix sends the same under names that begin with its own.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"

	ownPrefix  = "Webhook-"
	svixPrefix = "Svix-"
)

// Limits of what a stranger can make us read before anything is proved.
const (
	// MaxSignatures bounds the signatures in the header: senders send one for each secret while one
	// is being replaced.
	MaxSignatures = 16
	// MaxHeaderBytes bounds the headers with the ID and the signatures, each.
	MaxHeaderBytes = 4096
	// Tolerance is how far the timestamp may lie from now, as the specification recommends: older
	// ones could be replays.
	Tolerance = 5 * time.Minute
)

// MessageID returns the ID of the message that the headers belong to, "" if there is none.
func MessageID(h http.Header) string { return h.Get(prefixOf(h) + "Id") }

// prefixOf is how the headers are named here.
func prefixOf(h http.Header) string {
	if h.Get(HeaderID) == "" && h.Get(svixPrefix+"Id") != "" {
		return svixPrefix
	}
	return ownPrefix
}

// Proof is what a message's headers say, before its body is known.
type Proof struct {
	// ID names the message; a repeated delivery has the same.
	ID string

	stamp      string
	signatures [][]byte
	header     string // that the signatures stood in
}

// ReadProof reads the headers of a message and needs no body: what is missing, too much or too
// old is refused before one is read. Errors are CodeUnauthorized and name the header.
func ReadProof(h http.Header, now time.Time) (Proof, error) {
	prefix := prefixOf(h)
	p := Proof{ID: h.Get(prefix + "Id"), stamp: h.Get(prefix + "Timestamp"), header: prefix + "Signature"}
	switch {
	case p.ID == "":
		return Proof{}, unauthorized(HeaderID, "is missing, and so is Svix-Id; one of them carries the message's ID")
	case len(p.ID) > MaxHeaderBytes:
		return Proof{}, unauthorized(prefix+"Id", "has "+strconv.Itoa(len(p.ID))+" bytes; at most "+strconv.Itoa(MaxHeaderBytes)+" are read")
	}
	seconds, err := strconv.ParseInt(p.stamp, 10, 64)
	if err != nil {
		return Proof{}, unauthorized(prefix+"Timestamp", "is missing or not a time in seconds since 1970")
	}
	sent := time.Unix(seconds, 0)
	if sent.Before(now.Add(-Tolerance)) || sent.After(now.Add(Tolerance)) {
		return Proof{}, unauthorized(prefix+"Timestamp", "is more than 5 minutes away from this server's clock; it may be a replay, or one of the clocks is wrong")
	}
	p.signatures, err = signatures(p.header, h.Get(p.header))
	return p, err
}

// signatures reads "v1,<base64>" parted by blanks. What is of another version, or no
// HMAC-SHA256, cannot fit and is left out.
func signatures(name, value string) ([][]byte, error) {
	if len(value) > MaxHeaderBytes {
		return nil, unauthorized(name, "has "+strconv.Itoa(len(value))+" bytes; at most "+strconv.Itoa(MaxHeaderBytes)+" are read")
	}
	candidates := strings.Fields(value)
	if len(candidates) > MaxSignatures {
		return nil, unauthorized(name, "holds "+strconv.Itoa(len(candidates))+" signatures; at most "+strconv.Itoa(MaxSignatures)+" are read")
	}
	var out [][]byte
	for _, c := range candidates {
		encoded, ok := strings.CutPrefix(c, version)
		if !ok {
			continue
		}
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(raw) == sha256.Size {
			out = append(out, raw)
		}
	}
	if len(out) == 0 {
		return nil, unauthorized(name, "is missing or holds no signature of the form v1,<base64 of 32 bytes>")
	}
	return out, nil
}

// Check proves that the body was signed with one of the keys. Each key costs one HMAC, however
// many signatures there are.
func (p Proof) Check(keys []Key, body []byte) error {
	match := false
	for _, k := range keys {
		if k.Len() == 0 { // anybody can sign with it
			continue
		}
		want := k.sum(p.ID, p.stamp, body)
		for _, got := range p.signatures {
			match = hmac.Equal(got, want) || match
		}
	}
	if !match {
		return unauthorized(p.header, "does not fit the ID, the timestamp, the body and the secret that is set here")
	}
	return nil
}

func unauthorized(header, message string) error {
	return &core.Error{Code: core.CodeUnauthorized, Message: header + ": " + message,
		Fields: []core.FieldError{{Location: header, Message: message}}}
}
