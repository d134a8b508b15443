package natsrouter

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
)

// stateBucket is the key-value bucket that remembers the router's consumer apart from the consumer itself.
const stateBucket = "ACTIVITY_ROUTER_STATE"

// routerMark says that the durable consumer exists, or existed, and how far it had acknowledged without a gap.
type routerMark struct {
	AckFloor uint64 `json:"ack_floor"`
}

type routerState struct{ kv jetstream.KeyValue }

func openState(ctx context.Context, js jetstream.JetStream, replicas int) (*routerState, error) {
	kv, err := js.KeyValue(ctx, stateBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: stateBucket, Description: "How far activity-core's event router has read", History: 1, Replicas: replicas,
		})
	}
	if err != nil {
		return nil, natsError(err, "open bucket "+stateBucket)
	}
	return &routerState{kv: kv}, nil
}

// read returns nil if there never was a consumer.
func (s *routerState) read(ctx context.Context) (*routerMark, error) {
	mark, _, err := s.readRevision(ctx)
	return mark, err
}

func (s *routerState) readRevision(ctx context.Context) (*routerMark, uint64, error) {
	entry, err := s.kv.Get(ctx, activitycore.RouterDurable)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, natsError(err, "read bucket "+stateBucket)
	}
	var mark routerMark
	if err := json.Unmarshal(entry.Value(), &mark); err != nil {
		return nil, 0, activitycore.Wrap(activitycore.CodeConflict, err,
			"key %s of bucket %s is not what activity-core wrote there; write {\"ack_floor\": N} or delete it", activitycore.RouterDurable, stateBucket)
	}
	return &mark, entry.Revision(), nil
}

// advance moves the mark forward, never back, whoever else writes it.
func (s *routerState) advance(ctx context.Context, floor uint64) error {
	for {
		mark, revision, err := s.readRevision(ctx)
		if err != nil {
			return err
		}
		if mark != nil && mark.AckFloor >= floor {
			return nil
		}
		value := []byte(`{"ack_floor":` + strconv.FormatUint(floor, 10) + `}`)
		if mark == nil {
			_, err = s.kv.Create(ctx, activitycore.RouterDurable, value)
		} else {
			_, err = s.kv.Update(ctx, activitycore.RouterDurable, value, revision)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, jetstream.ErrKeyExists): // somebody else wrote it: compare again
			continue
		default:
			return natsError(err, "write bucket "+stateBucket)
		}
	}
}
