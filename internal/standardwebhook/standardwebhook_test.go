package standardwebhook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"

	core "github.com/activity-core/activity-core"
)

var sent = time.Unix(1614265330, 0)

func key(t *testing.T, secret string) Key {
	t.Helper()
	k, err := ParseSecret(secret)
	if err != nil {
		t.Fatalf("%q: %v", secret, err)
	}
	return k
}

func headers(id, stamp, signature string) http.Header {
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, signature)
	return h
}

// The vector of the reference libraries.
func TestTheReferenceVector(t *testing.T) {
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		k := key(t, secret)
		got := k.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", sent, []byte(`{"test": 2432232314}`))
		if got != want {
			t.Fatalf("%s: signature %s, want %s", secret, got, want)
		}
	}
}

// The sample standard-secret: valid as base64 and as text. The reference library is the oracle,
// in both directions.
func TestOneReadingOfASecretWithAndWithoutPrefix(t *testing.T) {
	body, now := []byte(`{"a":1}`), time.Now()
	for _, secret := range []string{"abcdefghijklmnopqrstuvwx", "whsec_abcdefghijklmnopqrstuvwx", strings.Repeat("0a", 32)} {
		theirs, err := reference.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs.Sign("m1", now, body)
		if err != nil {
			t.Fatal(err)
		}
		got := key(t, secret).Sign("m1", now, body)
		if got != want {
			t.Errorf("%s: signature %s, want the library's %s", secret, got, want)
		}
		h := headers("m1", strconv.FormatInt(now.Unix(), 10), got)
		if err := theirs.Verify(body, h); err != nil {
			t.Errorf("%s: the library refuses what we signed: %v", secret, err)
		}
		p, err := ReadProof(h, now)
		if err == nil {
			err = p.Check([]Key{key(t, secret)}, body)
		}
		if err != nil {
			t.Errorf("%s: what was signed is refused: %v", secret, err)
		}
	}
}

func TestASecretThatIsNoBase64IsRefusedWithTheRemedy(t *testing.T) {
	for _, secret := range []string{"It's a Secret to Everybody", "whsec_s3cr3t!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", ""} {
		_, err := ParseSecret(secret)
		if err == nil || !strings.Contains(err.Error(), "whsec_") || secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v; want an error with the remedy and without the secret", secret, err)
		}
	}
}

func TestSvixsHeadersAreTheSameMessage(t *testing.T) {
	k, body := key(t, "abcdefghijklmnopqrstuvwx"), []byte("x")
	h := http.Header{}
	h.Set("svix-id", "m1")
	h.Set("svix-timestamp", "1614265330")
	h.Set("svix-signature", k.Sign("m1", sent, body))
	p, err := ReadProof(h, sent)
	if err == nil {
		err = p.Check([]Key{k}, body)
	}
	if err != nil || p.ID != "m1" {
		t.Fatalf("ID %q, %v; want m1", p.ID, err)
	}
	if _, err := ReadProof(http.Header{}, sent); err == nil || !strings.Contains(err.Error(), "Svix-Id") {
		t.Fatalf("%v; want an error that names both headers", err)
	}
	h.Del("svix-timestamp")
	if _, err := ReadProof(h, sent); err == nil || !strings.Contains(err.Error(), "Svix-Timestamp") {
		t.Fatalf("%v; want an error that names Svix-Timestamp", err)
	}
}

// Work before proof must not grow with what a stranger sends: docs/hostile-input.md.
func TestManySignaturesAreRefusedBeforeAnyIsTried(t *testing.T) {
	k, body := key(t, "abcdefghijklmnopqrstuvwx"), []byte("x")
	good, other := k.Sign("m1", sent, body), k.Sign("m2", sent, body)
	for name, signature := range map[string]string{
		"15,900 signatures": strings.Repeat("v1, ", 15_900) + good,
		"17 signatures":     strings.Repeat(other+" ", MaxSignatures) + good,
		"a long one":        "v1," + strings.Repeat("A", MaxHeaderBytes),
		"none that fits":    "v1a," + strings.Repeat("A", 86) + "== v1,AAAA",
	} {
		if _, err := ReadProof(headers("m1", "1614265330", signature), sent); !core.IsCode(err, core.CodeUnauthorized) {
			t.Errorf("%s: %v; want unauthorized without a body", name, err)
		}
	}
	if _, err := ReadProof(headers(strings.Repeat("i", MaxHeaderBytes+1), "1614265330", good), sent); !core.IsCode(err, core.CodeUnauthorized) {
		t.Errorf("a long ID: %v; want unauthorized", err)
	}
	cost := func(signature string) float64 {
		p, err := ReadProof(headers("m1", "1614265330", signature), sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check([]Key{k}, body); err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(10, func() { _ = p.Check([]Key{k}, body) })
	}
	if one, many := cost(good), cost(strings.Repeat(other+" ", MaxSignatures-1)+good); many != one {
		t.Errorf("%d signatures cost %v allocations, one costs %v; want one HMAC for all", MaxSignatures, many, one)
	}
}
