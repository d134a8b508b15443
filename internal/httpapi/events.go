package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/webhook"
)

const tagEvents = "Events"

// eventBody is an event in any of the accepted forms; the headers matter in CloudEvents' binary
// mode.
type eventBody struct {
	RawBody []byte `contentType:"application/json"`
	header  http.Header
}

// Resolve keeps the headers; it is called by huma.
func (b *eventBody) Resolve(ctx huma.Context) []error {
	b.header = http.Header{}
	ctx.EachHeader(func(name, value string) { b.header.Add(name, value) })
	return nil
}

// decode reads one event or several: envelopes, CloudEvents, lists of either, binary mode.
func (b *eventBody) decode() ([]core.Event, error) {
	h := envelope.Header(b.header)
	trimmed := bytes.TrimSpace(core.WithoutBOM(b.RawBody))
	if envelope.IsBatch(h) {
		return envelope.DecodeBatch(b.RawBody)
	}
	if len(trimmed) == 0 || trimmed[0] != '[' || envelope.IsBinary(h) {
		e, err := envelope.Decode(h, b.RawBody)
		return []core.Event{e}, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(trimmed, &raw); err != nil {
		return nil, core.Wrap(core.CodeMalformed, err, "the body is not JSON: %v", err)
	}
	if len(raw) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "the list holds no event")
	}
	events := make([]core.Event, len(raw))
	for i, r := range raw {
		e, err := envelope.Decode(nil, r)
		if err != nil {
			return nil, within(err, fmt.Sprintf("event %d of the list", i), fmt.Sprintf("[%d]", i))
		}
		events[i] = e
	}
	return events, nil
}

func (s *server) events() {
	publish := op(http.MethodPost, "/events", "publish-events", tagEvents, "Publish an event, or a list of events")
	publish.DefaultStatus = http.StatusAccepted
	publish.MaxBodyBytes = maxEventBody
	publish.SkipValidateBody = true
	// Not required: a CloudEvent in binary mode may have no data.
	publish.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{envelope.MediaTypeCloudEvent: anyJSON(), envelope.MediaTypeBatch: anyJSON()}}
	publish.Description = "Envelope {event_id, type, source, subject, time, payload}, CloudEvents 1.0 (structured, binary, batch), or a JSON list of either. 202 after JetStream has acknowledged."
	register(s, publish, func(ctx context.Context, in *eventBody) (*body[wire.Published], error) {
		events, err := in.decode()
		if err != nil {
			return nil, err
		}
		return s.publish(ctx, events)
	})
	publish.RequestBody.Required = false // huma makes a raw body required

	type listInput struct {
		PageQuery
		EventID string `query:"event_id" doc:"the event with this ID, if it is stored; alone"`
		Type    string `query:"type"`
		Since   string `query:"since" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
		Until   string `query:"until" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
	}
	register(s, op(http.MethodGet, "/events", "list-events", tagEvents, "List stored events, newest first"), func(ctx context.Context, in *listInput) (*body[wire.Page[core.EventListing]], error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		if in.EventID != "" {
			if in.Type+in.Since+in.Until+in.Cursor != "" {
				return nil, core.InvalidField("event_id", in.EventID, "stands alone: an ID names one event; leave type, since, until and cursor out")
			}
			return page(s.eventAsList(ctx, in.EventID))
		}
		from, to, err := s.span(in.Since, in.Until)
		if err != nil {
			return nil, err
		}
		return page(s.Events.List(ctx, in.Type, from, to, in.request()))
	})
	register(s, op(http.MethodGet, "/events/{id}", "get-event", tagEvents, "Get a stored event, and the newest of those that came with its ID and other content"), func(ctx context.Context, in *IDPath) (*body[core.EventListing], error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		return answer(s.event(ctx, in.ID))
	})

	type explainInput struct {
		IDPath
		PageQuery
		Definition string `query:"definition" doc:"ID or name; default all"`
	}
	register(s, op(http.MethodGet, "/events/{id}/explain", "explain-event", tagEvents, "Why definitions did or did not fire for a stored event"), func(ctx context.Context, in *explainInput) (*body[wire.Page[core.EventExplanation]], error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		e, err := s.Events.Event(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return page(s.Events.Explain(ctx, e.Event, in.Definition, in.request()))
	})
	type explainBody struct {
		PageQuery
		Body wire.Explain
	}
	unpublished := op(http.MethodPost, "/events/explain", "explain-unpublished", tagEvents, "Why definitions would or would not fire for an event that need not exist")
	unpublished.Description = "The event is an envelope or a structured CloudEvent, as for POST /events; without a time it is of now."
	unpublished.MaxBodyBytes = maxEventBody + 4096
	register(s, unpublished, func(ctx context.Context, in *explainBody) (*body[wire.Page[core.EventExplanation]], error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		e, err := s.eventIn(in.Body.Event)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, core.InvalidField("event", nil, "is missing; give an envelope or a CloudEvent")
		}
		out, err := page(s.Events.Explain(ctx, *e, in.Body.Definition, in.request()))
		if err == nil {
			ofTheStoredOne(out.Body.Items)
		}
		return out, err
	})

	type replayInput struct{ Body wire.EventReplay }
	replay := op(http.MethodPost, "/events/replay", "replay-events", tagEvents, "Hold stored events against a definition; start the runs that are missing")
	replay.Description = "With dry_run nothing is started and the definition need not be deployed. An answer with next_sequence has looked at a part: ask again with it as from_sequence, and with the until of the answer."
	replay.SkipValidateBody = true
	replay.MaxBodyBytes = maxDocumentBody + 4096
	register(s, replay, func(ctx context.Context, in *replayInput) (*body[wire.EventReplayed], error) {
		if s.Events == nil {
			return nil, unavailable("the event log")
		}
		req, err := s.replayRequest(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		out := wire.EventReplayed{Until: req.Until, Matches: []core.ReplayMatch{}}
		out.ReplayReport, err = s.Events.Replay(ctx, req, func(m core.ReplayMatch) error {
			out.Matches = append(out.Matches, m)
			return nil
		})
		if !req.DryRun && req.FromSequence == 0 && (err == nil || out.Started > 0) { // its first part stands for all of a command
			s.audit(ctx, "event.replay", req.Definition.Name, map[string]time.Time{"from": req.From.UTC(), "until": req.Until.UTC()})
		}
		return answer(out, err)
	})
}

// event is one event with those that came with its ID and were others.
func (s *server) event(ctx context.Context, id string) (core.EventListing, error) {
	e, err := s.Events.Event(ctx, id)
	if err != nil || s.DeadLetters == nil {
		return e, err
	}
	e.Conflicts, err = s.DeadLetters.Conflicts(ctx, e)
	return e, err
}

// eventAsList is also for IDs that cannot stand in a path: GET /events/tail is the feed.
func (s *server) eventAsList(ctx context.Context, id string) (core.Page[core.EventListing], error) {
	e, err := s.event(ctx, id)
	if core.IsCode(err, core.CodeNotFound) {
		return core.Page[core.EventListing]{}, nil
	}
	return core.Page[core.EventListing]{Items: []core.EventListing{e}}, err
}

func anyJSON() *huma.MediaType { return &huma.MediaType{Schema: &huma.Schema{}} }

// eventIn reads an event that stands in a request as it would be published: nil for none. What
// has no time is of now, as when it is published.
func (s *server) eventIn(raw json.RawMessage) (*core.Event, error) { return eventAt(raw, s.Now()) }

// eventAt is eventIn for an event that is of now where it has no time.
func eventAt(raw json.RawMessage, now time.Time) (*core.Event, error) {
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
		return nil, nil //nolint:nilnil // an event may be left out
	}
	e, err := envelope.Decode(nil, raw)
	if err != nil {
		return nil, within(err, "event", "event")
	}
	if e.Time.IsZero() {
		e.Time = now.UTC()
	}
	return &e, nil
}

// ofNoRun drops what only our own runs may say of an event: how many of them lie behind it, and
// of which definitions. A client that could could keep definitions from running for it.
func ofNoRun(e *core.Event) { e.Hops, e.Chain = 0, nil }

// within says in an error about an event where that event stands.
func within(err error, what, location string) error {
	wrapped := core.Wrap(core.CodeOf(err), err, "%s: %s", what, core.MessageOf(err))
	for _, f := range fieldsOf(err) {
		f.Location = location + "." + f.Location
		wrapped.Fields = append(wrapped.Fields, f)
	}
	return wrapped
}

// ofTheStoredOne says in explanations of an event that was not asked for by its ID whose
// verdict the ledger's is: the file may say something else than the event of that ID that was
// routed.
func ofTheStoredOne(all []core.EventExplanation) {
	for i := range all {
		x := &all[i]
		if x.Verdict == "" {
			continue
		}
		match := "matches"
		if !x.Matched {
			match = "does not match"
		}
		x.Summary = match + "; but an event with this event_id was routed before, and a repeated one starts nothing. Of that one the ledger says: " + x.Summary
	}
}

// Bounds of one answer of a replay: it stays short, and the client can show how far it is.
const (
	maxReplayMatches = 1000
	maxReplayEvents  = 50_000
)

func (s *server) replayRequest(ctx context.Context, in wire.EventReplay) (req core.ReplayRequest, err error) {
	if req.Definition, err = s.definitionOf(ctx, in.Definition); err != nil {
		return req, err
	}
	req.Definition.Normalize()
	if err = catalog.Check(&req.Definition); err != nil {
		return req, err
	}
	if in.From == "" && in.FromSequence == 0 {
		return req, core.InvalidField("from", "", "say from when: an RFC 3339 time such as 2026-03-01T00:00:00Z, or a duration back from now such as 2h or 7d")
	}
	if in.Limit < 0 || in.Limit > maxReplayMatches {
		return req, core.InvalidField("limit", in.Limit, "must be from 1 to %d", maxReplayMatches)
	}
	if req.From, err = s.moment("from", in.From); err != nil {
		return req, err
	}
	if req.Until, err = s.moment("until", in.Until); err != nil {
		return req, err
	}
	if req.Until.IsZero() {
		req.Until = s.Now().UTC()
	}
	req.FromSequence, req.DryRun = in.FromSequence, in.DryRun
	req.Limit, req.MaxEvents = cmp.Or(in.Limit, maxReplayMatches), maxReplayEvents
	return req, nil
}

func (s *server) publish(ctx context.Context, events []core.Event) (*body[wire.Published], error) {
	if s.Publisher == nil {
		return nil, unavailable("event ingest")
	}
	for i := range events {
		ofNoRun(&events[i])
	}
	receipts, err := s.Publisher.PublishEvents(ctx, events)
	return answer(wire.Published{Items: receipts}, err)
}

// hooks are the signed inbound webhooks. They bypass huma: the signature is over
// the raw bytes, and nothing may be interpreted before it is good.
func (s *server) hooks() {
	for _, source := range webhook.Sources() {
		s.mux.HandleFunc("POST /hooks/"+string(source), func(w http.ResponseWriter, r *http.Request) {
			out, err := s.hook(r, source)
			if err != nil {
				writeProblem(w, r, s.toProblem(r.Context(), err))
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_ = writePlain(w, out) // the sender is gone
		})
		o := op(http.MethodPost, "/hooks/"+string(source), "hook-"+string(source), tagEvents, "Signed webhook of "+string(source))
		o.Responses = map[string]*huma.Response{"202": {Description: "stored"}, "401": {Description: "wrong signature"}, "503": {Description: "no secret is set"}}
		s.api.OpenAPI().AddOperation(&o)
	}
}

// hook reads the headers first: a stranger's body is not even taken where they prove nothing.
func (s *server) hook(r *http.Request, source webhook.Source) (wire.Published, error) {
	in, err := webhook.Begin(source, s.WebhookSecrets[string(source)], r.Header, s.Now())
	if err != nil {
		return wire.Published{}, err
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxEventBody+1))
	if err != nil {
		return wire.Published{}, core.Wrap(core.CodeMalformed, err, "the body could not be read")
	}
	if len(data) > maxEventBody {
		return wire.Published{}, &core.Error{Code: core.CodeTooLarge, Message: fmt.Sprintf("body: has more than %d bytes, the limit of this route", maxEventBody),
			Fields: []core.FieldError{{Location: "body", Message: fmt.Sprintf("has more than %d bytes, the limit of this route", maxEventBody)}}}
	}
	d, err := in.Deliver(data)
	if err != nil {
		return wire.Published{}, err
	}
	e, err := s.asRecorded(r.Context(), d)
	if err != nil {
		return wire.Published{}, err
	}
	out, err := s.publish(r.Context(), []core.Event{e})
	if err != nil {
		return wire.Published{}, err
	}
	return out.Body, nil
}

// asRecorded gives a delivery the ID under which an older release recorded it, before the
// source stood in its ID: a redelivery of it is the same event. An event of another source that
// has that ID is another event.
func (s *server) asRecorded(ctx context.Context, d webhook.Delivery) (core.Event, error) {
	if s.Record == nil || !d.FormerFits() {
		return d.Event, nil
	}
	rows, err := s.Record.LedgerEntries(ctx, core.LedgerFilter{EventID: d.FormerID, Kind: core.CauseEvent}, core.PageRequest{Limit: 1})
	if err != nil {
		return d.Event, err
	}
	if len(rows.Items) == 0 {
		return d.Event, nil
	}
	kept, err := s.Record.Event(ctx, d.FormerID)
	switch {
	case core.IsCode(err, core.CodeNotFound): // it only matched what was paused or could not be evaluated
		return d.Former(), nil
	case err != nil:
		return d.Event, err
	case kept.Event.Source != d.Source:
		return d.Event, nil
	}
	return d.Former(), nil
}

func (s *server) deadLetters() {
	const tag = "Dead letters"
	type listInput struct {
		PageQuery
		Reason string `query:"reason"`
		Type   string `query:"type" doc:"event type"`
	}
	register(s, op(http.MethodGet, "/dead-letters", "list-dead-letters", tag, "List dead letters, newest first"), func(ctx context.Context, in *listInput) (*body[wire.Page[core.DeadLetter]], error) {
		if s.DeadLetters == nil {
			return nil, unavailable("dead letters")
		}
		return page(s.DeadLetters.List(ctx, in.Reason, in.Type, in.request()))
	})
	register(s, op(http.MethodGet, "/dead-letters/{id}", "get-dead-letter", tag, "Get a dead letter"), func(ctx context.Context, in *IDPath) (*body[core.DeadLetter], error) {
		id, err := s.deadLetterID(in.ID)
		if err != nil {
			return nil, err
		}
		return answer(s.DeadLetters.Show(ctx, id))
	})
	register(s, op(http.MethodPost, "/dead-letters/{id}/replay", "replay-dead-letter", tag, "Publish it again and remove it"), func(ctx context.Context, in *IDPath) (*body[core.PublishReceipt], error) {
		id, err := s.deadLetterID(in.ID)
		if err != nil {
			return nil, err
		}
		receipt, err := s.DeadLetters.Replay(ctx, id)
		if err == nil || receipt.Sequence > 0 { // published, and perhaps not removed
			s.audit(ctx, "dead_letter.replay", fmt.Sprint(id), map[string]string{"event_id": receipt.EventID})
		}
		return answer(receipt, err)
	})
	s.manyDeadLetters("replay", "replay-dead-letters", "Publish dead letters again, oldest first, and remove them", DeadLetters.ReplayAll)
	s.manyDeadLetters("drop", "drop-dead-letters", "Remove dead letters", DeadLetters.DropAll)
	drop := op(http.MethodDelete, "/dead-letters/{id}", "drop-dead-letter", tag, "Remove it")
	drop.DefaultStatus = http.StatusNoContent
	register(s, drop, func(ctx context.Context, in *IDPath) (*struct{}, error) {
		id, err := s.deadLetterID(in.ID)
		if err != nil {
			return nil, err
		}
		if err := s.DeadLetters.Drop(ctx, id); err != nil {
			return nil, err
		}
		s.audit(ctx, "dead_letter.drop", fmt.Sprint(id), nil)
		return nil, nil //nolint:nilnil // 204
	})
}

// manyDeadLetters settles those of a reason or a type. That all are meant must be said: an
// empty body is a mistake.
func (s *server) manyDeadLetters(verb, id, summary string, settle func(d DeadLetters, ctx context.Context, reason, eventType string) (int, error)) {
	type input struct{ Body wire.DeadLettersOf }
	register(s, op(http.MethodPost, "/dead-letters/"+verb, id, "Dead letters", summary), func(ctx context.Context, in *input) (*body[wire.DeadLettersDone], error) {
		if s.DeadLetters == nil {
			return nil, unavailable("dead letters")
		}
		which := in.Body
		if (which.Reason != "" || which.Type != "") == which.All {
			return nil, core.InvalidField("all", which.All, "say which: a reason, a type, or both; or all: true without them")
		}
		n, err := settle(s.DeadLetters, ctx, which.Reason, which.Type)
		if n > 0 {
			s.audit(ctx, "dead_letter."+verb, "dead-letters", struct {
				wire.DeadLettersOf
				wire.DeadLettersDone
			}{which, wire.DeadLettersDone{Done: n}})
		}
		if err != nil {
			return nil, core.Wrap(core.CodeOf(err), err, "%d done, then: %s", n, core.MessageOf(err))
		}
		return answer(wire.DeadLettersDone{Done: n}, nil)
	})
}

func (s *server) deadLetterID(text string) (uint64, error) {
	if s.DeadLetters == nil {
		return 0, unavailable("dead letters")
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		return 0, core.InvalidField("id", text, "must be the number of a dead letter")
	}
	return id, nil
}
