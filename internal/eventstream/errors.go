package eventstream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
)

// JetStream's error codes that the client library has no names for (nats-server,
// server/errors.json).
const (
	codeStoreFailed       jetstream.ErrorCode = 10077 // the stream's limits, with DiscardNew
	codeInsufficientSpace jetstream.ErrorCode = 10023 // the account's or the server's limits
	codeStorageExceeded   jetstream.ErrorCode = 10047
	codeExpectedStream    jetstream.ErrorCode = 10060
)

// Full tells whether JetStream refused a message for want of room.
func Full(err error) bool {
	var api jetstream.JetStreamError
	if !errors.As(err, &api) || api.APIError() == nil {
		return false
	}
	code := api.APIError().ErrorCode
	return code == codeStoreFailed || code == codeInsufficientSpace || code == codeStorageExceeded
}

// Error translates what NATS answers. What could be different next time is CodeUnavailable.
func Error(err error, doing string) error {
	var known *core.Error
	if errors.As(err, &known) {
		return err
	}
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil {
		switch a := api.APIError(); a.ErrorCode {
		case codeStoreFailed, codeInsufficientSpace, codeStorageExceeded:
			return core.Wrap(core.CodeUnavailable, err,
				"cannot %s: no room left (%s); raise nats.max_bytes, or remove old events with `nats stream purge %s --seq`, once they are no longer wanted for replay", doing, a.Description, core.EventStream)
		case codeExpectedStream:
			return core.Wrap(core.CodeConflict, err,
				"cannot %s: another stream than %s takes the subject; look for it with `nats stream find --subject %s`", doing, core.EventStream, core.EventSubjects)
		case jetstream.JSErrCodeStreamMessageExceedsMaximum:
			return core.Wrap(core.CodeTooLarge, err, "cannot %s: the stream refuses messages of this size", doing)
		default:
			if a.Code < 500 {
				return core.Wrap(core.CodeConflict, err, "cannot %s: JetStream refuses it: %s", doing, a.Description)
			}
		}
	}
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return core.Wrap(core.CodeTooLarge, err, "cannot %s: larger than the server's max_payload", doing)
	case errors.Is(err, context.Canceled):
		return core.Wrap(core.CodeUnavailable, err, "cannot %s: interrupted", doing)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return core.Wrap(core.CodeUnavailable, err, "cannot %s: no JetStream answers for it; check that JetStream is on and stream %s exists", doing, core.EventStream)
	}
	return core.Wrap(core.CodeUnavailable, err, "cannot %s: no answer from NATS", doing)
}
