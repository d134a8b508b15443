package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
)

// stateBucket is the key-value bucket that remembers the router's consumer apart from the
// consumer itself.
const stateBucket = "ACTIVITY_ROUTER_STATE"

// Mark says that the durable consumer exists, or existed, and how far it had acknowledged
// without a gap.
type Mark struct {
	AckFloor uint64 `json:"ack_floor"`
	// ConsumerCreated is when NATS made the consumer: it tells the same one from one that was made
	// in its place. Zero in marks of earlier versions.
	ConsumerCreated time.Time `json:"consumer_created,omitzero"`
}

// check tells whether a consumer goes on where the router had come to; first is the stream's
// first sequence.
//
// The same consumer may lie behind the mark: a power cut or a restored backup takes
// acknowledgements back, and it knows best what is still to be done. What it delivers again the
// ledger recognises. One that was made in its place has no such excuse: it must begin right
// behind the mark, or have come further.
func (m *Mark) check(info *jetstream.ConsumerInfo, first uint64) error {
	if m == nil {
		return nil
	}
	begins := max(info.Config.OptStartSeq, 1)
	if begins > max(m.AckFloor+1, first) {
		return core.Errorf(core.CodeConflict,
			"consumer %s begins at sequence %d, but the router had come to %d: the events between would never be routed; %s", core.RouterDurable, begins, m.AckFloor, m.remedy())
	}
	if !m.ConsumerCreated.IsZero() && m.ConsumerCreated.Equal(info.Created) {
		return nil
	}
	if info.AckFloor.Stream < m.AckFloor {
		return core.Errorf(core.CodeConflict,
			"consumer %s is not the one that the router knows: it has read up to sequence %d only, the router had come to %d, and events that were routed would be held against the definitions of today; %s",
			core.RouterDurable, info.AckFloor.Stream, m.AckFloor, m.remedy())
	}
	return nil
}

func (m *Mark) remedy() string {
	return fmt.Sprintf("delete it (nats consumer rm %s %s) and start once with nats.recreate_consumer, which makes it again from sequence %d; or, if it is right as it is, delete key %s of bucket %s",
		core.EventStream, core.RouterDurable, m.AckFloor+1, core.RouterDurable, stateBucket)
}

// State remembers how far the router's consumer has read, apart from the consumer itself.
type State struct {
	js jetstream.JetStream
	kv jetstream.KeyValue
}

// OpenState opens the bucket, and makes it if there is none yet.
func OpenState(ctx context.Context, js jetstream.JetStream, replicas int) (*State, error) {
	kv, err := js.KeyValue(ctx, stateBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: stateBucket, Description: "How far activity-core's event router has read", History: 1, Replicas: replicas,
		})
	}
	if err != nil {
		return nil, Error(err, "open bucket "+stateBucket)
	}
	return &State{js: js, kv: kv}, nil
}

// Read returns nil if there never was a consumer.
func (s *State) Read(ctx context.Context) (*Mark, error) {
	mark, _, err := s.readRevision(ctx)
	return mark, err
}

func (s *State) readRevision(ctx context.Context) (*Mark, uint64, error) {
	entry, err := s.kv.Get(ctx, core.RouterDurable)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, Error(err, "read bucket "+stateBucket)
	}
	var mark Mark
	if err := json.Unmarshal(entry.Value(), &mark); err != nil {
		return nil, 0, core.Wrap(core.CodeConflict, err,
			"key %s of bucket %s is not what activity-core wrote there; write {\"ack_floor\": N} or delete it", core.RouterDurable, stateBucket)
	}
	return &mark, entry.Revision(), nil
}

// Follow checks a consumer against the mark, refuses one that would lose or repeat events, and
// otherwise moves the mark to where it is: forward, never back, whoever else writes it.
func (s *State) Follow(ctx context.Context, info *jetstream.ConsumerInfo) error {
	for {
		mark, revision, err := s.readRevision(ctx)
		if err != nil {
			return err
		}
		first := uint64(0)
		if mark != nil && info.Config.OptStartSeq > mark.AckFloor+1 { // right only if what lies between is not there any more
			if first, err = s.firstSequence(ctx); err != nil {
				return err
			}
		}
		if err := mark.check(info, first); err != nil {
			return err
		}
		next := Mark{AckFloor: info.AckFloor.Stream, ConsumerCreated: info.Created}
		if mark != nil {
			if mark.AckFloor >= next.AckFloor && mark.ConsumerCreated.Equal(next.ConsumerCreated) {
				return nil
			}
			next.AckFloor = max(next.AckFloor, mark.AckFloor)
		}
		value, err := json.Marshal(next)
		if err != nil {
			return core.Wrap(core.CodeInternal, err, "encode the router's mark")
		}
		if mark == nil {
			_, err = s.kv.Create(ctx, core.RouterDurable, value)
		} else {
			_, err = s.kv.Update(ctx, core.RouterDurable, value, revision)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, jetstream.ErrKeyExists): // somebody else wrote it: compare again
			continue
		default:
			return Error(err, "write bucket "+stateBucket)
		}
	}
}

func (s *State) firstSequence(ctx context.Context) (uint64, error) {
	stream, err := s.js.Stream(ctx, core.EventStream)
	if err != nil {
		return 0, Error(err, "look up stream "+core.EventStream)
	}
	return stream.CachedInfo().State.FirstSeq, nil
}
