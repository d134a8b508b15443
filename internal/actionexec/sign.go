package actionexec

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

// sign adds the headers of Standard Webhooks (symmetric, v1). The ID is the same for each
// attempt, as the specification wants.
func sign(h http.Header, name, secret, actionKey string, now time.Time, body []byte) error {
	key, err := standardwebhook.ParseSecret(secret)
	if err != nil {
		return core.Errorf(core.CodeInvalid, "sign: the secret %q %v", name, err)
	}
	sum := sha256.Sum256([]byte(actionKey))
	id := "msg_" + hex.EncodeToString(sum[:16]) // the specification allows no dots in an ID; a key may have some
	h.Set(standardwebhook.HeaderID, id)
	h.Set(standardwebhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhook.HeaderSignature, key.Sign(id, now, body))
	return nil
}
