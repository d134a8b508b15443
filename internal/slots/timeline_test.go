package slots

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// history is the past of one definition as a record tells it: versions newest first and in
// pages, holds in no order.
type history struct {
	versions []core.StoredDefinition
	holds    []core.Hold
}

func (h history) Versions(_ context.Context, _ string, p core.PageRequest) (page core.Page[core.StoredDefinition], err error) {
	from := 0
	if p.Cursor != "" {
		if from, err = strconv.Atoi(p.Cursor); err != nil {
			return page, err
		}
	}
	to := min(from+p.Limit, len(h.versions))
	page.Items = h.versions[from:to]
	if to < len(h.versions) {
		page.NextCursor = strconv.Itoa(to)
	}
	return page, nil
}

func (h history) Holds(_ context.Context, _ string, from, to time.Time) (holds []core.Hold, err error) {
	for _, x := range h.holds {
		if x.From.Before(to) && (x.Until == nil || x.Until.After(from)) {
			holds = append(holds, x)
		}
	}
	return holds, nil
}

func (h history) ZoneRules(context.Context, string) ([]core.ZoneRules, error) {
	return nil, nil
}

var noon = time.Date(2026, time.March, 3, 12, 0, 0, 0, time.UTC)

// expressions fire every so many minutes of the hour; 0 is never.
var expressions = map[string]int{"* * * * *": 1, "*/2 * * * *": 2, "*/5 * * * *": 5, "30 3 1 1 *": 0}

// slotAt says by the words of docs/misfire.md, one instant at a time, whether a definition has
// a slot at t: the version saved last at or before t names it, and the hold that covers it, if
// any, with what a person did before what follows from it.
func (h history) slotAt(t time.Time) (s Slot, ok bool) {
	i := slices.IndexFunc(h.versions, func(v core.StoredDefinition) bool { return !v.UpdatedAt.After(t) })
	if i < 0 || h.versions[i].TriggerType != core.TriggerCron {
		return s, false
	}
	every := expressions[h.versions[i].TriggerConfig.CronExpression[0]]
	if every == 0 || t.Second() != 0 || t.Minute()%every != 0 {
		return s, false
	}
	s = Slot{Time: t, Version: h.versions[i].Version}
	for _, kind := range []string{holdDeleted, holdPaused, holdDisabled} {
		for k, x := range h.holds {
			if x.Kind == kind && !t.Before(x.From) && (x.Until == nil || x.Until.After(t)) && s.Hold == nil {
				s.Hold = &h.holds[k]
			}
		}
	}
	return s, s.Hold == nil || s.Hold.Kind != holdDeleted
}

func (h history) slots(from, to time.Time) (all []Slot) {
	for t := from; t.Before(to); t = t.Add(30 * time.Second) {
		if s, ok := h.slotAt(t); ok {
			all = append(all, s)
		}
	}
	return all
}

func drawHistory(t *rapid.T) (h history) {
	instant := func(name string) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, name)) * 30 * time.Second)
	}
	var saved []time.Time
	for range rapid.IntRange(1, 6).Draw(t, "versions") {
		saved = append(saved, instant("saved"))
	}
	slices.SortFunc(saved, time.Time.Compare)
	for i, at := range saved {
		v := core.StoredDefinition{Version: int64(i + 1), CreatedAt: saved[0], UpdatedAt: at}
		if v.TriggerType = core.TriggerEvent; rapid.IntRange(0, 4).Draw(t, "cron") > 0 {
			v.TriggerType = core.TriggerCron
			v.TriggerConfig = core.TriggerConfig{CronExpression: core.StringList{rapid.SampledFrom(keys(expressions)).Draw(t, "expression")}, Timezone: "UTC"}
		}
		h.versions = slices.Insert(h.versions, 0, v)
	}
	for range rapid.IntRange(0, 4).Draw(t, "holds") {
		x := core.Hold{From: instant("hold from"), Kind: rapid.SampledFrom([]string{holdDeleted, holdPaused, holdDisabled}).Draw(t, "kind")}
		if rapid.Bool().Draw(t, "ends") {
			until := x.From.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "length")) * 30 * time.Second)
			x.Until = &until
		}
		h.holds = append(h.holds, x)
	}
	return h
}

func keys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func texts(all []Slot) []string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		line := fmt.Sprintf("%s v%d", s.Time.Format("15:04:05"), s.Version)
		if s.Hold != nil {
			line += " " + s.Hold.Kind
		}
		out = append(out, line)
	}
	return out
}

func TestATimelineNamesTheSlotsOfTheVersionInForceAtEachInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		between := func(name string) (from, to time.Time) {
			a, b := rapid.IntRange(-4, 64).Draw(t, name+" from"), rapid.IntRange(-4, 64).Draw(t, name+" to")
			return noon.Add(time.Duration(min(a, b)) * 30 * time.Second), noon.Add(time.Duration(max(a, b)) * 30 * time.Second)
		}
		for range 20 {
			from, to := between("loaded")
			tl, err := new(specs).load(t.Context(), h, "x", from, to)
			if err != nil {
				t.Fatal(err)
			}
			a, b := between("asked") // which may reach beyond what is loaded
			want := h.slots(later(a, from), earlier(b, to))
			if got := texts(slices.Collect(tl.slots(a, b))); !slices.Equal(got, texts(want)) {
				t.Fatalf("slots of [%s, %s)\n got %v\nwant %v", a.Format("15:04:05"), b.Format("15:04:05"), got, texts(want))
			}
			toFire := slices.DeleteFunc(want, func(s Slot) bool { return s.Hold != nil })
			last, ok := tl.Last(a, b)
			if ok != (len(toFire) > 0) || ok && !last.Equal(toFire[len(toFire)-1].Time) {
				t.Fatalf("last of [%s, %s) is %s, %t; want that of %v", a, b, last, ok, texts(toFire))
			}
			toFire = slices.DeleteFunc(h.slots(later(a, from), to), func(s Slot) bool { return s.Hold != nil })
			first, ok := tl.First(a)
			if ok != (len(toFire) > 0) || ok && !first.Equal(toFire[0].Time) {
				t.Fatalf("first from %s is %s, %t; want that of %v", a, first, ok, texts(toFire))
			}
		}
	})
}

func TestATimelineReadsAsManyVersionsAsItTakes(t *testing.T) {
	var h history
	for i := range 3*versionsPerPage + 7 {
		h.versions = slices.Insert(h.versions, 0, core.StoredDefinition{
			Version: int64(i + 1), CreatedAt: noon, UpdatedAt: noon.Add(time.Duration(i) * time.Minute),
			Definition: core.Definition{TriggerType: core.TriggerCron, TriggerConfig: core.TriggerConfig{
				CronExpression: core.StringList{"* * * * *"}, Timezone: "UTC",
			}},
		})
	}
	tl, err := new(specs).load(t.Context(), h, "x", noon, noon.Add(5*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for s := range tl.slots(noon, noon.Add(5*time.Hour)) {
		if n++; s.Version != min(n, int64(len(h.versions))) {
			t.Fatalf("%s is of version %d, want %d", s.Time, s.Version, n)
		}
	}
	if n != 5*60 {
		t.Errorf("%d slots, want 300", n)
	}
}

func TestAHoldSaysWhoAndWhy(t *testing.T) {
	got := holdReason(core.Hold{Kind: holdPaused, From: noon, By: "alice", Reason: "holiday"})
	if want := "paused since 2026-03-03T12:00:00Z by alice: holiday"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := holdReason(core.Hold{Kind: holdDisabled, From: noon}), "disabled since 2026-03-03T12:00:00Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// minute is a time of the hour after noon.
func minute(clock string) time.Time {
	t, err := time.Parse("04:05", clock)
	if err != nil {
		panic(err)
	}
	return noon.Add(time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
}

func outage(from, to string) core.Outage {
	return core.Outage{From: minute(from), To: minute(to), What: "process"}
}

func TestTheLatestSlotOfOutagesThatFollowOnEachOther(t *testing.T) {
	pause := func(from, until string) []core.Hold {
		end := minute(until)
		return []core.Hold{{Kind: holdPaused, From: minute(from), Until: &end}}
	}
	for _, c := range []struct {
		name    string
		outages []core.Outage
		holds   []core.Hold
		want    string
	}{
		{"one outage", []core.Outage{outage("00:30", "03:30")}, nil, "03:00"},
		{"its end is no part of it", []core.Outage{outage("00:30", "03:00")}, nil, "02:00"},
		{"without a slot between them they are one", []core.Outage{outage("00:30", "03:30"), outage("03:50", "06:30")}, nil, "06:00"},
		{"three of them", []core.Outage{outage("00:30", "03:30"), outage("03:50", "06:30"), outage("06:40", "08:10")}, nil, "08:00"},
		{"a slot right at the end of the first is between them", []core.Outage{outage("00:30", "04:00"), outage("04:30", "06:30")}, nil, "03:00"},
		{"a slot between them parts them, even if the second began within its grace", []core.Outage{outage("00:30", "03:30"), outage("04:30", "06:30")}, nil, "03:00"},
		{"a slot that was held does not part them", []core.Outage{outage("00:30", "03:30"), outage("04:30", "06:30")}, pause("03:40", "04:20"), "06:00"},
		{"the latest was held", []core.Outage{outage("00:30", "03:30")}, pause("02:30", "03:20"), "02:00"},
	} {
		h := history{holds: c.holds, versions: []core.StoredDefinition{{Version: 1, Definition: core.Definition{
			TriggerType:   core.TriggerCron,
			TriggerConfig: core.TriggerConfig{CronExpression: core.StringList{"* * * * *"}, Timezone: "UTC"},
		}}}}
		tl, err := new(specs).load(t.Context(), h, "x", noon, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if got := misfire.LatestKept(tl, c.outages, minute("01:00"), c.outages[0]); !got.Equal(minute(c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got.Format("04:05"), c.want)
		}
	}
}
