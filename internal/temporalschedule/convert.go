package temporalschedule

import (
	"encoding/json"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// ScheduleSpec copies a compiled spec field by field.
func ScheduleSpec(ts cronspec.TemporalSpec) *schedulepb.ScheduleSpec {
	spec := &schedulepb.ScheduleSpec{TimezoneName: ts.TimeZone, TimezoneData: ts.ZoneData}
	for _, c := range ts.Calendars {
		spec.StructuredCalendar = append(spec.StructuredCalendar, &schedulepb.StructuredCalendarSpec{
			Second: toRanges(c.Second), Minute: toRanges(c.Minute), Hour: toRanges(c.Hour),
			DayOfMonth: toRanges(c.DayOfMonth), Month: toRanges(c.Month), Year: toRanges(c.Year),
			DayOfWeek: toRanges(c.DayOfWeek), Comment: c.Comment,
		})
	}
	for _, iv := range ts.Intervals {
		spec.Interval = append(spec.Interval, &schedulepb.IntervalSpec{Interval: durationpb.New(iv.Every), Phase: durationpb.New(iv.Offset)})
	}
	return spec
}

func toRanges(ranges []cronspec.Range) []*schedulepb.Range {
	out := make([]*schedulepb.Range, 0, len(ranges))
	for _, r := range ranges {
		//nolint:gosec // ranges hold clock and calendar numbers
		out = append(out, &schedulepb.Range{Start: int32(r.Start), End: int32(max(r.End, r.Start)), Step: int32(max(r.Step, 1))})
	}
	return out
}

// withJitter returns the spec with a jitter; calendars and intervals are shared with the original.
func withJitter(spec *schedulepb.ScheduleSpec, jitter time.Duration) *schedulepb.ScheduleSpec {
	return &schedulepb.ScheduleSpec{
		StructuredCalendar: spec.StructuredCalendar, Interval: spec.Interval, TimezoneName: spec.TimezoneName, TimezoneData: spec.TimezoneData,
		Jitter: durationpb.New(jitter),
	}
}

// keyword encodes the value of a search attribute of type Keyword, as the SDK does.
func keyword(value string) *commonpb.Payload {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{"encoding": []byte("json/plain"), "type": []byte("Keyword")},
		Data:     data,
	}
}

// text decodes a JSON string from a payload; "" where there is none.
func text(p *commonpb.Payload) string {
	var s string
	if json.Unmarshal(p.GetData(), &s) != nil {
		return ""
	}
	return s
}

// listedPieces is to how many calendars and intervals a listing cuts a spec (server,
// SpecFieldLengthLimit).
const listedPieces = 10

// sameListed compares a spec in a listing, which may be cut, with the one that is wanted.
func sameListed(wanted, listed *schedulepb.ScheduleSpec) bool {
	head := func(s *schedulepb.ScheduleSpec) *schedulepb.ScheduleSpec {
		c := proto.CloneOf(s)
		c.StructuredCalendar = c.StructuredCalendar[:min(len(c.StructuredCalendar), listedPieces)]
		c.Interval = c.Interval[:min(len(c.Interval), listedPieces)]
		c.TimezoneData = nil // a listing leaves it out; our hash has it
		return normal(c)
	}
	return proto.Equal(head(wanted), head(listed))
}

// normal gives specs that mean the same one form.
func normal(s *schedulepb.ScheduleSpec) *schedulepb.ScheduleSpec {
	if s.GetJitter().AsDuration() == 0 {
		s.Jitter = nil
	}
	if s.GetTimezoneName() == "UTC" {
		s.TimezoneName = ""
	}
	for _, iv := range s.GetInterval() {
		if iv.GetPhase() == nil {
			iv.Phase = durationpb.New(0)
		}
	}
	for _, c := range s.GetStructuredCalendar() {
		for _, ranges := range [][]*schedulepb.Range{c.Second, c.Minute, c.Hour, c.DayOfMonth, c.Month, c.Year, c.DayOfWeek} {
			for _, r := range ranges {
				r.End, r.Step = max(r.End, r.Start), max(r.Step, 1)
			}
		}
	}
	return s
}

// differences names the parts in which a described schedule is not the wanted one.
func differences(wanted, described *schedulepb.Schedule) []string {
	var parts []string
	if !proto.Equal(normal(proto.CloneOf(wanted.GetSpec())), normal(proto.CloneOf(described.GetSpec()))) {
		parts = append(parts, "spec")
	}
	if !proto.Equal(wanted.GetPolicies(), described.GetPolicies()) {
		parts = append(parts, "policies")
	}
	if !sameAction(wanted.GetAction(), described.GetAction()) {
		parts = append(parts, "action")
	}
	return parts
}

// sameAction compares actions. Temporal fills in what was left empty, and may describe search
// attributes with other metadata than they were sent with: only what they say counts.
func sameAction(wanted, described *schedulepb.ScheduleAction) bool {
	w, d := proto.CloneOf(wanted.GetStartWorkflow()), proto.CloneOf(described.GetStartWorkflow())
	if d == nil || len(w.GetSearchAttributes().GetIndexedFields()) != len(d.GetSearchAttributes().GetIndexedFields()) {
		return false
	}
	for name, payload := range w.GetSearchAttributes().GetIndexedFields() {
		if text(payload) != text(d.GetSearchAttributes().GetIndexedFields()[name]) {
			return false
		}
	}
	w.SearchAttributes, d.SearchAttributes = nil, nil
	for _, t := range []interface{ GetSeconds() int64 }{d.WorkflowExecutionTimeout, d.WorkflowRunTimeout, d.WorkflowTaskTimeout} {
		if t.GetSeconds() != 0 {
			return false
		}
	}
	d.WorkflowExecutionTimeout, d.WorkflowRunTimeout, d.WorkflowTaskTimeout = nil, nil, nil
	d.WorkflowIdReusePolicy = w.WorkflowIdReusePolicy
	if len(d.GetMemo().GetFields()) == 0 {
		d.Memo = nil
	}
	if len(d.GetHeader().GetFields()) == 0 {
		d.Header = nil
	}
	return proto.Equal(w, d)
}
