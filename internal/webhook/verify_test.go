package webhook

import (
	"net/http"
	"time"
)

// Verify is [Begin] followed by [Inbound.Deliver], for a request that is there as a whole.
func Verify(source Source, secrets []string, h http.Header, body []byte, now time.Time) (Delivery, error) {
	in, err := Begin(source, secrets, h, now)
	if err != nil {
		return Delivery{}, err
	}
	return in.Deliver(body)
}
