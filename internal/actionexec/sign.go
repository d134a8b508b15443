package actionexec

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// sign adds the headers of Standard Webhooks (symmetric, v1): webhook-id, webhook-timestamp and webhook-signature over
// "id.timestamp.body". The ID is the same for each attempt, as the specification wants. The secret has the specification's
// form whsec_<base64>, or is used as it is.
func sign(h http.Header, secret, actionKey string, now time.Time, body []byte) error {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return activitycore.Errorf(activitycore.CodeInvalid, "sign: the secret begins with whsec_ and is not base64 after it")
		}
	}
	sum := sha256.Sum256([]byte(actionKey))
	id := "msg_" + hex.EncodeToString(sum[:16]) // the specification allows no dots in an ID; a key may have some
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}
