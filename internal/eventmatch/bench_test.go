package eventmatch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// vocabulary is the world the benchmarks play in: event types, repositories,
// people and branches, each with skew, so that a few are in most events and in
// most definitions.
type vocabulary struct {
	rng                  *rand.Rand
	types                []string
	type_, repo, who, br *rand.Zipf
	cold                 string // set, it makes names that no event has
}

func newVocabulary(repos uint64) *vocabulary {
	rng := rand.New(rand.NewPCG(1, 2))
	v := &vocabulary{rng: rng}
	for _, name := range []string{"push", "issues", "release", "pull_request", "repository", "star", "fork", "create", "delete", "check_run", "workflow_run", "dependabot_alert", "issue_comment"} {
		for _, action := range []string{"", ".created", ".edited", ".closed", ".published"} {
			v.types = append(v.types, "github."+name+action)
		}
	}
	rng.Shuffle(len(v.types), func(i, j int) { v.types[i], v.types[j] = v.types[j], v.types[i] })
	v.type_ = rand.NewZipf(rng, 1.1, 4, uint64(len(v.types)-1))
	v.repo = rand.NewZipf(rng, 1.05, 40, repos-1)
	v.who = rand.NewZipf(rng, 1.05, 40, repos/2)
	v.br = rand.NewZipf(rng, 1.3, 2, 60)
	return v
}

// fewTypes leaves so few types that already 100 definitions want all of them;
// else most events would be of a type nobody wants, and cost nothing.
func (v *vocabulary) fewTypes() {
	v.types = v.types[:8]
	v.type_ = rand.NewZipf(v.rng, 1.1, 4, uint64(len(v.types)-1))
}

func (v *vocabulary) eventType() string { return v.types[v.type_.Uint64()] }

func (v *vocabulary) repository() string {
	n := v.repo.Uint64()
	return fmt.Sprintf("%sorg-%d/repo-%d%s", v.cold, n%97, n, v.cold)
}

func (v *vocabulary) login() string { return fmt.Sprintf("%suser-%d", v.cold, v.who.Uint64()) }

func (v *vocabulary) ref() string {
	switch n := v.br.Uint64(); {
	case n == 0:
		return "refs/heads/main"
	case n < 20:
		return fmt.Sprintf("refs/heads/release-%d", n)
	default:
		return fmt.Sprintf("refs/heads/feature/%d", n)
	}
}

var actions = []string{"opened", "edited", "closed", "labeled", "published", "created"}

// filters draws what people filter on: mostly a repository or a person, often
// with something weaker beside it.
func (v *vocabulary) filters() map[string]any {
	op := func(name string, x any) map[string]any { return map[string]any{name: x} }
	repo := v.repository()
	f := map[string]any{}
	switch n := v.rng.IntN(100); {
	case n < 45:
		f["repository.full_name"] = repo
	case n < 60:
		f["repository"] = map[string]any{"full_name": []any{repo, v.repository()}}
	case n < 75:
		f["sender.login"] = v.login()
	case n < 85:
		f["sender"] = map[string]any{"login": v.login()}
		f["repository.full_name"] = []any{op("prefix", repo[:strings.IndexByte(repo, '/')+1])}
	case n < 90:
		f["repository.full_name"] = []any{op("equals-ignore-case", strings.ToUpper(repo))}
	case n < 95:
		f["repository.full_name"] = []any{op("wildcard", strings.Replace(repo, "/repo", "/*", 1))}
	default:
		f["repository.full_name"] = []any{op("suffix", repo[strings.IndexByte(repo, '/'):])}
		f["sender.login"] = []any{op("anything-but", []any{v.login(), v.login()})}
	}
	switch n := v.rng.IntN(100); {
	case n < 10:
		f["ref"] = []any{op("prefix", "refs/heads/release-"), "refs/heads/main"}
	case n < 20:
		f["action"] = []any{actions[v.rng.IntN(len(actions))], op("exists", false)}
	case n < 30:
		f["repository.id"] = []any{op("numeric", []any{">", 1000, "<=", 900_000_000})}
	case n < 35:
		f["repository.private"] = false
	case n < 40:
		f["$event.source"] = "github"
	}
	return f
}

func (v *vocabulary) pattern(tb testing.TB) *Pattern {
	p, err := ParsePattern([]string{v.eventType()}, v.filters())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// events fills real GitHub bodies with names from the vocabulary.
func (v *vocabulary) events(tb testing.TB, n int, names ...string) []*Event {
	var bodies [][]byte
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join("testdata", "github", name))
		if err != nil {
			tb.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	events := make([]*Event, n)
	for i := range events {
		login := v.login()
		body := strings.NewReplacer(
			"Codertocat/Hello-World", v.repository(),
			`"login":"Codertocat"`, `"login":"`+login+`"`,
			"refs/heads/master", v.ref(),
			`"action":"edited"`, `"action":"`+actions[v.rng.IntN(len(actions))]+`"`,
		).Replace(string(bodies[i%len(bodies)]))
		events[i] = &Event{Type: v.eventType(), Source: "github", Payload: []byte(body)}
	}
	return events
}

var payloadSizes = []struct {
	name  string
	files []string
}{
	{"600B", []string{"push-small.json", "issues-small.json"}},
	{"8kB", []string{"push-04.json", "push-05.json", "release-12.json", "dependabot_alert-00.json", "repository-12.json"}},
}

// filled returns an index of n definitions, and the patterns in the order added.
func filled(tb testing.TB, v *vocabulary, n int) *Index {
	ix := NewIndex()
	for i := range n {
		ix.Add(ID(fmt.Sprintf("definition-%06d", i)), v.pattern(tb))
	}
	return ix
}

// A baseline matches with the same scanner and the same check of conditions as
// the index, but looks for its candidates in a list: all definitions, or those
// of the event's type.
type baseline struct {
	snap   *snapshot
	all    []*conj
	byType map[string][]*conj
	sc     scratch
}

func newBaseline(ix *Index) *baseline {
	b := &baseline{snap: ix.snap.Load(), byType: map[string][]*conj{}}
	for _, first := range ix.w.records {
		for c := first; c != nil; c = c.following() {
			b.all = append(b.all, c)
			types, _, _ := c.decode()
			for _, t := range types {
				name := ix.w.typeNames[t]
				b.byType[name] = append(b.byType[name], c)
			}
		}
	}
	return b
}

func (b *baseline) match(ev *Event, candidates []*conj, dst []ID) ([]ID, error) {
	sc := &b.sc
	sc.begin(b.snap, ev)
	defer sc.end()
	sc.out = dst
	ti := b.snap.typeNamed(ev.Type)
	if ti == nil {
		return dst, nil
	}
	sc.types = typeBit(ti.id) // or the payload would be scanned for the paths of all types, which no candidate asks for
	if err := sc.scan(ev.Payload, b.snap.root); err != nil {
		return dst, err
	}
	sc.addEnvelope()
	sc.link()
	for _, c := range candidates {
		sc.check(c, ti.id)
	}
	return sc.out, nil
}

// figures is one row of the table.
type figures struct {
	perSecond, allocs, matches float64
}

// BenchmarkMatch prints, beside the usual lines, a table with the ratios of the
// index to both ways of scanning, from one run.
func BenchmarkMatch(b *testing.B) {
	table := map[string]figures{}
	for _, size := range payloadSizes {
		for _, n := range []int{100, 1_000, 10_000, 100_000} {
			v := newVocabulary(800)
			ix := filled(b, v, n)
			events := v.events(b, 2048, size.files...)
			base := newBaseline(ix)
			ways := []struct {
				name  string
				match func(*Event, []ID) ([]ID, error)
			}{
				{"scan-all", func(ev *Event, dst []ID) ([]ID, error) { return base.match(ev, base.all, dst) }},
				{"scan-type", func(ev *Event, dst []ID) ([]ID, error) { return base.match(ev, base.byType[ev.Type], dst) }},
				{"index", ix.Match},
			}
			for _, way := range ways {
				name := fmt.Sprintf("%s/%d/%s", size.name, n, way.name)
				b.Run(name, func(b *testing.B) { table[name] = measure(b, events, way.match) })
			}
		}
	}
	printTable(table)
}

// BenchmarkMatchConstant keeps the number of matches and adds definitions that
// want the same types and fields but other names: 100 to 100,000 should cost
// about the same.
func BenchmarkMatchConstant(b *testing.B) {
	table := map[string]figures{}
	for _, size := range payloadSizes {
		for _, n := range []int{100, 1_000, 10_000, 100_000} {
			v := newVocabulary(10)
			v.fewTypes()
			ix := filled(b, v, 100)
			events := v.events(b, 2048, size.files...)
			many := newVocabulary(10_000)
			many.fewTypes()
			many.cold = "other-"
			for i := ix.Len(); i < n; i++ {
				ix.Add(ID(fmt.Sprintf("definition-%06d", i)), many.pattern(b))
			}
			name := fmt.Sprintf("%s/%d", size.name, n)
			b.Run(name, func(b *testing.B) { table[name] = measure(b, events, ix.Match) })
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "payload\tdefinitions\tmatches/event\tindex ev/s\tcost to 100 definitions\t")
	for _, size := range payloadSizes {
		for _, n := range []int{100, 1_000, 10_000, 100_000} {
			f, first := table[fmt.Sprintf("%s/%d", size.name, n)], table[size.name+"/100"]
			if f.perSecond > 0 {
				fmt.Fprintf(w, "%s\t%d\t%.2f\t%.0f\t%.2fx\t\n", size.name, n, f.matches, f.perSecond, first.perSecond/f.perSecond)
			}
		}
	}
	w.Flush()
}

// BenchmarkMatchUpdate replaces one definition of 100,000 by another, and says
// how much memory the index takes, IDs included. It keeps no patterns.
func BenchmarkMatchUpdate(b *testing.B) {
	v := newVocabulary(800)
	before := heap()
	ix := NewIndex()
	ids := make([]ID, 100_000)
	for i := range ids {
		ids[i] = ID(fmt.Sprintf("definition-%06d", i))
		ix.Add(ids[i], v.pattern(b))
	}
	indexed := heap()
	patterns := make([]*Pattern, 10_000)
	for i := range patterns {
		patterns[i] = v.pattern(b)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ix.Add(ids[i%len(ids)], patterns[(i*7919)%len(patterns)])
		i++
	}
	b.ReportMetric(float64(indexed-before)/float64(len(ids)), "index-B/definition")
	b.ReportMetric(float64(indexed-before)/(1<<20), "MiB-in-all")
	runtime.KeepAlive(patterns)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// measure runs one way of matching over the events, again and again.
func measure(b *testing.B, events []*Event, match func(*Event, []ID) ([]ID, error)) figures {
	var dst []ID
	matches, i := 0, 0
	for _, ev := range events[:64] { // the scratch space grows to its size
		dst, _ = match(ev, dst[:0])
	}
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for range b.N {
		var err error
		if dst, err = match(events[i], dst[:0]); err != nil {
			b.Fatal(err)
		}
		matches += len(dst)
		if i++; i == len(events) {
			i = 0
		}
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	f := figures{
		perSecond: float64(b.N) / b.Elapsed().Seconds(),
		allocs:    float64(after.Mallocs-before.Mallocs) / float64(b.N),
		matches:   float64(matches) / float64(b.N),
	}
	b.ReportMetric(f.perSecond, "events/s")
	b.ReportMetric(f.matches, "matches/event")
	return f
}

func printTable(table map[string]figures) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "payload\tdefinitions\tmatches/event\tscan all ev/s\tby type ev/s\tindex ev/s\tindex:all\tindex:type\tallocs (all, type, index)\t")
	for _, size := range payloadSizes {
		for _, n := range []int{100, 1_000, 10_000, 100_000} {
			at := func(way string) figures { return table[fmt.Sprintf("%s/%d/%s", size.name, n, way)] }
			all, typed, ours := at("scan-all"), at("scan-type"), at("index")
			if ours.perSecond == 0 {
				continue // not selected by -bench
			}
			fmt.Fprintf(w, "%s\t%d\t%.2f\t%.0f\t%.0f\t%.0f\t%.1fx\t%.1fx\t%.1f, %.1f, %.1f\t\n", size.name, n, ours.matches,
				all.perSecond, typed.perSecond, ours.perSecond, ours.perSecond/all.perSecond, ours.perSecond/typed.perSecond,
				all.allocs, typed.allocs, ours.allocs)
		}
	}
	w.Flush()
}

func TestTheBaselinesFindWhatTheIndexFinds(t *testing.T) {
	v := newVocabulary(800)
	ix := filled(t, v, 500)
	base := newBaseline(ix)
	found := 0
	for _, ev := range v.events(t, 200, payloadSizes[0].files...) {
		want, err := ix.Match(ev, nil)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		found += len(want)
		for name, candidates := range map[string][]*conj{"all": base.all, "type": base.byType[ev.Type]} {
			got, err := base.match(ev, candidates, nil)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("scan by %s finds %v %v, the index %v", name, got, err, want)
			}
		}
	}
	if found == 0 {
		t.Fatal("nothing matched")
	}
}
