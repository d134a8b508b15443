package ruleeval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// spent runs f and returns the CPU-bound wall time and the bytes allocated meanwhile.
func spent(f func()) (time.Duration, uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	d := time.Since(start)
	runtime.ReadMemStats(&after)
	return d, after.TotalAlloc - before.TotalAlloc
}

// Each bomb must end in an error, having allocated a bounded amount; the time is
// logged, not judged. The strings are 2 MB long, with ACTIVITY_CORE_LONG=1 10 MB.
func TestCostBombsEndInAnErrorWithinBoundedMemory(t *testing.T) {
	debug.SetMemoryLimit(2 << 30)
	defer debug.SetMemoryLimit(-1)
	size := 2 << 20
	if os.Getenv("ACTIVITY_CORE_LONG") != "" {
		size = 10 << 20
	}
	big := strings.Repeat("a", size)
	payload, err := json.Marshal(map[string]any{"s": big, "r": "(a?){50}a{50}", "list": make([]int, 100_000), "x": "x", "deepkey": "k"})
	if err != nil {
		t.Fatal(err)
	}
	const r1000 = "lists.range(1000)"
	// within binds x to a list that holds the same ten parts at each of twelve levels.
	within := func(body string) string {
		out := "cel.bind(x, n11, " + body + ")"
		for i := 11; i > 0; i-- {
			out = fmt.Sprintf("cel.bind(n%d, [%s], %s)", i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("n%d,", i-1), 10), ","), out)
		}
		return "cel.bind(n0, [0,0,0,0,0,0,0,0,0,0], " + out + ")"
	}
	doubled := "payload.list"
	for i := range 15 {
		doubled = fmt.Sprintf("cel.bind(d%d, %s, d%d + d%d)", i, doubled, i, i)
	}
	doubledText := "payload.s"
	for i := range 15 {
		doubledText = fmt.Sprintf("cel.bind(d%d, %s, d%d + d%d)", i, doubledText, i, i)
	}
	for name, expr := range map[string]string{
		"nested loops":           fmt.Sprintf("%s.map(a, %s.map(b, %s.map(c, 1))).size()", r1000, r1000, r1000),
		"nested exists":          fmt.Sprintf("%s.exists(a, %s.exists(b, %s.exists(c, false)))", r1000, r1000, r1000),
		"text doubled":           "size(" + doubledText + ")",
		"list doubled":           "size(" + doubled + ")",
		"shared list compared":   within("x == x"),
		"shared list unequal":    within("x != x"),
		"shared list in":         within("x in [x, x]"),
		"shared list as value":   within("x"),
		"shared list as json":    within("json.encode(x)"),
		"shared list flattened":  within("x.flatten(50)"),
		"shared list formatted":  within("'%s'.format([x])"),
		"shared list distinct":   within("[x, x].distinct()"),
		"shared sets":            within("sets.equivalent([x,x], [x,x])"),
		"replace grows":          "payload.s.replace('a', payload.s)",
		"replace nothing":        "payload.s.replace('', payload.s)",
		"join grows":             "lists.range(100000).map(i, payload.s).join()",
		"join by a long text":    "payload.list.map(i, 'x').join(payload.s)",
		"split to bytes":         "payload.s.split('')",
		"format grows":           "'%s%s%s%s%s%s%s%s'.format([payload.s,payload.s,payload.s,payload.s,payload.s,payload.s,payload.s,payload.s])",
		"regex on a long text":   "payload.s.matches(payload.r)",
		"long regex":             "payload.x.matches(payload.s)",
		"regex extract":          "regex.extractAll(payload.s, payload.r)",
		"regex replace grows":    "regex.replace(payload.s.substring(0, 100000), 'a', payload.s)",
		"regex replace by group": "regex.replace(payload.s.substring(0, 100000), '(a+)', '" + strings.Repeat(`\\1`, 1000) + "')",
		"find in a long text":    "payload.s.indexOf(payload.s.substring(1) + 'b')",
		"sets on long lists":     "sets.contains(payload.list, payload.list)",
		"range":                  "lists.range(1000000000)",
		"sort in a loop":         fmt.Sprintf("%s.map(x, payload.list.sort().size())", r1000),
		"size in a loop":         "lists.range(100000).map(x, size(payload.s)).size()",
		"dynamic add in a loop":  "lists.range(100000).map(x, size(payload.s + payload.x)).size()",
		"dynamic less in a loop": "lists.range(100000).all(x, payload.s <= payload.s)",
		"equal texts in a loop":  "lists.range(100000).all(x, payload.s == payload.s)",
		"long keys in a map":     "payload.list.transformMapEntry(i, v, {payload.s + string(i): v}).size()",
		"escape in a loop":       fmt.Sprintf("%s.map(x, url_escape(payload.s)).size()", r1000),
		"base64 in a loop":       fmt.Sprintf("%s.map(x, base64.encode(bytes(payload.s))).size()", r1000),
		"json in a loop":         fmt.Sprintf("%s.map(x, json(json.encode(payload.list))).size()", r1000),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ruleeval.Compile(task("t", func(d *core.Definition) {
				d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": "${" + expr + "}"}}
			}))
			if err != nil {
				t.Logf("refused when compiled: %v", err)
				if !strings.Contains(err.Error(), "cost") && !strings.Contains(err.Error(), "nest") {
					t.Fatal("for another reason")
				}
				return
			}
			in := input(string(payload), nil)
			d, bytes := spent(func() { _, err = planOf(p, context.Background(), in) })
			t.Logf("%v, %d MiB allocated: %.120v", d.Round(time.Millisecond), bytes>>20, err)
			if err == nil {
				t.Fatal("no error")
			}
			if bytes > 1<<30 {
				t.Fatalf("%d MiB allocated", bytes>>20)
			}
		})
	}
}

func TestACanceledContextInterruptsALongEvaluation(t *testing.T) {
	p := compile(t, task("t", func(d *core.Definition) {
		d.Rules[0].When = "lists.range(90000).all(x, x >= 0)"
	}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := planOf(p, ctx, input(`{}`, nil)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	// Canceled while it runs: the context ends at the first look at it within the loop.
	late := &endsLater{Context: context.Background(), done: make(chan struct{})}
	close(late.done)
	if _, err := planOf(p, late, input(`{}`, nil)); err == nil || core.CodeOf(err) == core.CodeInvalid {
		t.Fatalf("error %v", err)
	}
}

// endsLater is a context that has ended, but says so only after it was asked once.
type endsLater struct {
	context.Context
	done  chan struct{}
	asked bool
}

func (c *endsLater) Done() <-chan struct{} {
	if !c.asked {
		return nil
	}
	return c.done
}

func (c *endsLater) Err() error {
	if !c.asked {
		c.asked = true
		return nil
	}
	return context.Canceled
}

func TestDeepOrBrokenDataIsRefusedNotRecursedInto(t *testing.T) {
	p := compile(t, task("${payload.x}"))
	for name, payload := range map[string]string{
		"deep lists": `{"x":` + strings.Repeat("[", 5_000_000) + strings.Repeat("]", 5_000_000) + `}`,
		"deep maps":  strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"broken":     `{"x":`,
		"two values": `{} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := planOf(p, context.Background(), input(payload, nil))
			if !core.IsCode(err, core.CodeMalformed) {
				t.Fatalf("error %v, want CodeMalformed", err)
			}
		})
	}
	deep := any("x")
	for range 1000 {
		deep = []any{deep}
	}
	if _, err := planOf(p, context.Background(), input(`{"x":"y"}`, map[string]any{"repos": deep})); err == nil {
		t.Fatal("deep context was accepted")
	}
	jsonDeep := compile(t, task("${json(payload.x).size()}"))
	if _, err := planOf(jsonDeep, context.Background(), input(`{"x":"`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`"}`, nil)); err == nil {
		t.Fatal("deep JSON text was accepted")
	}
}

func TestAPlanLargerThanItsLimitIsRefusedAndSaysWhere(t *testing.T) {
	d := task("t", func(d *core.Definition) {
		d.Rules[0].ForEach = "lists.range(100)"
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": "${payload.s}"}}
	})
	payload := `{"s":"` + strings.Repeat("a", 1<<20) + `"}`
	_, err := planOf(compile(t, d), context.Background(), input(payload, nil))
	if !core.IsCode(err, core.CodeTooLarge) || !strings.Contains(err.Error(), "item 1") || !strings.Contains(err.Error(), "the plan is larger than 16 MiB") {
		t.Fatalf("error %v", err)
	}
}

func TestTextInDataThatLooksLikeATemplateStaysText(t *testing.T) {
	evil := []string{"${vars.tag}", "$${vars.tag}", "${", "}", "${'${vars.tag}'}", "\\${vars.tag}", "{{vars.tag}}", "${steps.x}", "%{vars.tag}", "${1/0}"}
	for _, e := range evil {
		b, err := json.Marshal(map[string]any{"x": e, "l": []any{e}, e: e})
		if err != nil {
			t.Fatal(err)
		}
		for _, template := range []string{"${payload.x}", "a ${payload.x} b", "${payload.l[0]}${payload.x}", "${payload['x']}"} {
			got, err := title(t, template, string(b))
			want := strings.NewReplacer("${payload.x}", e, "${payload.l[0]}", e, "${payload['x']}", e).Replace(template)
			if err != nil || got != want {
				t.Errorf("%s on %q gives %q (%v)", template, e, got, err)
			}
		}
	}
}
