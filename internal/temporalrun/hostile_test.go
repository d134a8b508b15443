package temporalrun_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/outbound/outboundtest"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// leaked is a value that no template asks for: where it turns up, data was evaluated.
const leaked = "canary-2f61"

// hostileRig is a worker that may reach one server, at 127.0.0.1, and must not reach another,
// on every other address of the machine.
type hostileRig struct {
	*rig
	allowed *httptest.Server // answers what evil says
	evil    http.HandlerFunc
	got     []string // what the allowed server received, of the current case
	bypass  atomic.Int64
	port    string // of the server that must not be reached
}

func newHostileRig(t *testing.T) *hostileRig {
	h := &hostileRig{rig: newRig(t)}
	h.allowed = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var head strings.Builder
		_ = r.Header.Write(&head)
		body := make([]byte, 1<<16)
		n, _ := r.Body.Read(body)
		h.got = append(h.got, r.Method+" "+r.URL.String()+"\n"+head.String()+"\n"+string(body[:n]))
		h.evil(w, r)
	}))
	t.Cleanup(h.allowed.Close)
	listener, err := net.Listen("tcp", ":0") // every address, IPv6 included
	if err != nil {
		t.Fatal(err)
	}
	inside := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { h.bypass.Add(1) })}
	go func() { _ = inside.Serve(listener) }()
	t.Cleanup(func() { inside.Close() })
	_, h.port, _ = net.SplitHostPort(listener.Addr().String())

	web := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: outboundtest.Resolver(t, netip.MustParseAddr("127.0.0.2"))})
	t.Cleanup(web.Close)
	h.work(func(c *temporalrun.Config) {
		c.Actions = actionexec.New(actionexec.Config{HTTP: web, Publisher: h.events, Workflows: actionexec.TemporalStarter{Client: h.client}})
		c.Contexts = contextsource.New(contextsource.Config{HTTP: web, Record: h.store, Dir: h.dir, RetryDelay: time.Millisecond})
	})
	return h
}

// attack is one row of the table: a definition that is as it should be, and data that is not.
type attack struct {
	name string
	// rules and context are JSON; ALLOWED and PORT in them stand for the two servers.
	context, rules string
	x              any               // payload.x of the event
	files          map[string]string // below the folder of context files
	answer         http.HandlerFunc  // what the allowed server says; default {}
	want           core.RunStatus
	says           string // in the run's error, or in that of an action
	title          string // of the only task, exactly
	sent           string // in what the allowed server received
	never          string // in nothing that the allowed server received
}

const (
	oneTitle  = `[{"name": "r", "actions": [{"type": "create_task", "with": {"title": "TEMPLATE"}}]}]`
	callThen  = `[{"name": "r", "actions": [{"type": "http_request", "name": "call", "with": {"url": "ALLOWED/"}}, {"type": "create_task", "with": {"title": "TEMPLATE"}}]}]`
	getFrom   = `[{"name": "r", "actions": [{"type": "http_request", "retry": {"max_attempts": 1}, "with": {"url": "TEMPLATE"}}]}]`
	withAHead = `[{"name": "r", "actions": [{"type": "http_request", "name": "call", "with": {"url": "ALLOWED/"}}, {"type": "http_request", "with": {"url": "ALLOWED/", "headers": {"X-A": "TEMPLATE"}}}]}]`
	succeeded = core.RunSucceeded
	failed    = core.RunFailed
	partial   = core.RunPartial
)

func rulesOf(rules, template string) string { return strings.ReplaceAll(rules, "TEMPLATE", template) }

// saying answers with a JSON value.
func saying(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}

// text answers with many bytes.
func text(n int, unit string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, strings.Repeat(unit, n))
	}
}

func attacks() []attack {
	evil := "${vars.token} $${vars.token} ${'${vars.token}'} {{vars.token}} %{vars.token} ${"
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	list := []attack{
		{name: "template in data", rules: rulesOf(oneTitle, "${payload.x}"), x: evil, want: succeeded, title: evil},
		{name: "template in data, in text", rules: rulesOf(oneTitle, "a ${payload.x} b"), x: evil, want: succeeded, title: "a " + evil + " b"},
		{name: "template in a step's answer", rules: rulesOf(callThen, "${steps.call.body}"), answer: saying(evil), want: succeeded, title: evil},
		{name: "template in a file", context: `{"f": {"file": "f.txt"}}`, files: map[string]string{"f.txt": evil}, rules: rulesOf(oneTitle, "${context.f[0]}"), want: succeeded, title: evil},
		{name: "template in context over HTTP", context: `{"f": {"http": {"url": "ALLOWED/"}}}`, answer: saying(evil), rules: rulesOf(oneTitle, "${context.f}"), want: succeeded, title: evil},
		{name: "template in an item's key", rules: `[{"name": "r", "for_each": "[payload.x]", "item_key": "item", "actions": [{"type": "create_task", "with": {"title": "${item}"}}]}]`, x: evil, want: succeeded, title: evil},
		{name: "expression in data", rules: rulesOf(oneTitle, "${payload.x}"), x: "' + vars.token + '", want: succeeded, title: "' + vars.token + '"},
		{name: "path out of its place", rules: rulesOf(getFrom, "ALLOWED/a/${payload.x}/b"), x: "../../admin?q=1#f", want: succeeded, sent: "POST /a/..%2F..%2Fadmin%3Fq=1%23f/b"},
		{name: "dots as a path", rules: rulesOf(getFrom, "ALLOWED/a/${payload.x}/b"), x: "..", want: failed, says: "with.url"},
		{name: "host out of its place", rules: rulesOf(getFrom, "http://${payload.x}/"), x: "127.0.0.1@127.0.0.2", want: failed, says: "with.url"},
		{name: "scheme from data", rules: rulesOf(getFrom, "${payload.x}"), x: "file:///etc/passwd", want: failed, says: "with.url"},
		{name: "line break in a header", rules: rulesOf(withAHead, "${payload.x}"), x: "a\r\nX-Evil: 1", want: partial, says: "with.headers", never: "X-Evil"},
		{name: "line break in a header, from a step", rules: rulesOf(withAHead, "v ${steps.call.body}"), answer: saying("a\r\nX-Evil: 1"), want: partial, says: "with.headers", never: "X-Evil"},
		{name: "line break in a header's name", rules: `[{"name": "r", "actions": [{"type": "http_request", "with": {"url": "ALLOWED/", "headers": "${{payload.x: 'v'}}"}}]}]`, x: "A: 1\r\nX-Evil", want: failed, says: "with.headers", never: "X-Evil"},
		{name: "key of another request", rules: `[{"name": "r", "actions": [{"type": "http_request", "with": {"url": "ALLOWED/", "headers": "${{payload.x: 'stolen'}}"}}]}]`, x: "idempotency-key", want: failed, says: "dempotency-", never: "stolen"},
		{name: "redirect inside", rules: rulesOf(getFrom, "ALLOWED/"), answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:"+r.URL.Query().Get("p")+"/", http.StatusTemporaryRedirect)
		}, want: failed, says: "not allowed"},
		{name: "context's next page inside", context: `{"f": {"http": {"url": "ALLOWED/", "paging": {"link": true}}}}`, answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `<http://127.0.0.2/>; rel="next"`)
			saying([]int{})(w, r)
		}, rules: rulesOf(oneTitle, "x"), want: failed, says: "another host"},
		{name: "nested loops", rules: rulesOf(oneTitle, "${string(lists.range(1000).map(a, lists.range(1000).map(b, lists.range(1000).map(c, 1))).size())}"), want: failed, says: "cost"},
		{name: "loops in when", rules: `[{"name": "r", "when": "payload.x.all(a, payload.x.all(b, payload.x.all(c, true)))", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]`, x: make([]int, 5000), want: failed, says: "cost"},
		{name: "loops in for_each", rules: `[{"name": "r", "for_each": "payload.x.map(a, payload.x.map(b, payload.x.map(c, 1)))", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]`, x: make([]int, 5000), want: failed, says: "cost"},
		{name: "text that grows", rules: rulesOf(oneTitle, "${payload.x.replace('a', payload.x)}"), x: strings.Repeat("a", 1<<20), want: failed, says: "cost"},
		{name: "pattern from data", rules: rulesOf(oneTitle, "${string(payload.x.matches(payload.x + '(a?){50}a{50}'))}"), x: strings.Repeat("(a*)*", 100_000), want: failed},
		{name: "too many items", rules: `[{"name": "r", "for_each": "payload.x", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]`, x: make([]int, 10_001), want: failed, says: "10000"},
		{name: "the same key twice", rules: `[{"name": "r", "for_each": "payload.x", "item_key": "'k'", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]`, x: []int{1, 2}, want: partial, says: "item_key"},
		{name: "one item of a list to stop the others", rules: `[{"name": "r", "for_each": "payload.x", "actions": [{"type": "create_task", "with": {"title": "${item}"}}]}]`, x: []any{"t", "a\nb", nil, strings.Repeat("x", 501), ""}, want: partial, says: "with.title", title: "t"},
		{name: "many items that cost little each", rules: `[{"name": "dear", "for_each": "lists.range(10000)", "actions": [{"type": "create_task", "with": {"title": "${payload.x.map(a, a + item).size()}"}}]}]`, x: make([]int, 5000), want: failed, says: `rule "dear" cost most`},
		{name: "many actions that cost little each", rules: `[{"name": "dear", "for_each": "lists.range(200)", "actions": [` + strings.Repeat(`{"type": "create_task", "with": {"title": "${payload.x.map(a, a + item).size()}"}}, `, 49) + `{"type": "create_task", "with": {"title": "t"}}]}]`, x: make([]int, 5000), want: failed, says: `rule "dear" cost most`},
		{name: "many items that fail dearly", rules: `[{"name": "dear", "for_each": "lists.range(10000)", "actions": [{"type": "create_task", "with": {"title": "${payload.x.map(a, a + item).map(a, payload.none)}"}}]}]`, x: make([]int, 5000), want: failed, says: `rule "dear" cost most`},
		{name: "many items of text that is too long", rules: `[{"name": "dear", "for_each": "lists.range(10000)", "actions": [{"type": "create_task", "with": {"title": "${payload.x} x"}}]}]`, x: []string{strings.Repeat("a", 1<<20)}, want: failed, says: `rule "dear" cost most`},
		{name: "10 MB of text as a title", rules: rulesOf(oneTitle, "${payload.x}"), x: strings.Repeat("a", 10<<20), want: failed, says: "title"},
		{name: "10 MB of text for each of many items", rules: `[{"name": "r", "for_each": "lists.range(100)", "actions": [{"type": "publish_event", "with": {"type": "t", "payload": "${payload.x}"}}]}]`, x: strings.Repeat("a", 10<<20), want: failed, says: "larger than"},
		{name: "deep answer", rules: rulesOf(callThen, "${string(size(steps.call.body))}"), answer: text(1, deep), want: succeeded, title: "65536"},
		{name: "deep answer that is valid", rules: rulesOf(callThen, "${json.encode(steps.call.body)}"), answer: text(1, strings.Repeat("[", 9000)+strings.Repeat("]", 9000)), want: partial, says: "nest"},
		{name: "10 MB answer", rules: rulesOf(callThen, "${string(size(steps.call.body))}"), answer: text(10<<20, "a"), want: succeeded, title: "65536"},
		{name: "deep context", context: `{"f": {"http": {"url": "ALLOWED/"}}}`, answer: text(1, deep), rules: rulesOf(oneTitle, "t"), want: failed, says: "context.f"},
		{name: "endless context", context: `{"f": {"http": {"url": "ALLOWED/"}}}`, answer: text(11<<20, "a"), rules: rulesOf(oneTitle, "t"), want: failed, says: "max_bytes"},
		{name: "endless pages", context: `{"f": {"http": {"url": "ALLOWED/", "paging": {"cursor": "string(body[0] + 1)", "max_pages": 20}}}}`, answer: func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
			saying([]int{n})(w, r)
		}, rules: rulesOf(oneTitle, "t"), want: failed, says: "max_pages"},
		{name: "file outside the folder", context: `{"f": {"file": "up.txt"}}`, rules: rulesOf(oneTitle, "${context.f[0]}"), want: failed, says: "context.f"},
	}
	for _, w := range []struct{ name, parameter, value string }{
		{"into Temporal's own namespace", "namespace", "temporal-system"}, {"into Temporal's own namespace, in capitals", "namespace", "TEMPORAL-System"},
		{"onto our task queue", "task_queue", core.TaskQueue}, {"onto Temporal's task queue", "task_queue", "temporal-sys-per-ns-tq"},
		{"onto a partition of a queue", "task_queue", "/_sys/" + core.TaskQueue + "/1"},
		{"of a run's ID", "workflow_id", "activity-00000000-0000-4000-8000-000000000000:cron-2099-01-01T00:00:00Z"},
		{"of our type", "workflow_type", core.WorkflowType}, {"of Temporal's type", "workflow_type", "temporal-sys-batch-workflow"},
		{"into a namespace that is not allowed", "namespace", "payroll"},
	} {
		with := map[string]string{"workflow_type": "W", "task_queue": "q", w.parameter: "${payload.x}"}
		text, _ := json.Marshal(with)
		list = append(list, attack{name: "start a workflow " + w.name, rules: `[{"name": "r", "actions": [{"type": "start_workflow", "with": ` + string(text) + `}]}]`, x: w.value, want: failed, says: w.parameter})
	}
	for _, y := range []struct{ name, text string }{
		{"alias bomb", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"},
		{"merge key", "base: &b {a: 1}\nmore: {<<: *b}\n"}, {"same key twice", "a: 1\na: 2\n"}, {"deep", strings.Repeat("[", 5000) + strings.Repeat("]", 5000)},
		{"tag", "a: !!python/object/apply:os.system ['true']\n"}, {"two documents", "a: 1\n---\na: 2\n"}, {"not a number", "a: .nan\n"}, {"key that is no text", "? [1, 2]\n: 3\n"},
		{"binary", "a: !!binary not-base64\n"}, {"17 MB", "a: " + strings.Repeat("x", 17<<20)},
	} {
		list = append(list, attack{name: "YAML: " + y.name, context: `{"f": {"file": "f.yaml"}}`, files: map[string]string{"f.yaml": y.text}, rules: rulesOf(oneTitle, "t"), want: failed, says: "context.f"})
	}
	for _, host := range []string{
		"127.0.0.2", "2130706434", "0x7f000002", "0x7f.2", "017700000002", "127.2", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]",
		"[64:ff9b::7f00:2]", "[2002:7f00:2::]", "169.254.169.254", "10.0.0.1", "[fe80::1]", "[fd00::1]", "innocent.example",
	} {
		list = append(list,
			attack{name: "SSRF: request to " + host, rules: rulesOf(getFrom, "http://"+host+":PORT/"), want: failed},
			attack{name: "SSRF: request to a URL of data: " + host, rules: rulesOf(getFrom, "${payload.x}"), x: "http://" + host + ":PORT/", want: failed},
			attack{name: "SSRF: context from " + host, context: `{"f": {"http": {"url": "http://` + host + `:PORT/", "timeout": "1s"}}}`, rules: rulesOf(oneTitle, "t"), want: failed, says: "context.f"})
	}
	return list
}

// TestHostileInput runs every attack through a real worker, store and Temporal server. None may
// come through; what each costs is logged, and the memory judged. docs/hostile-input.md says
// what stands against each.
func TestHostileInput(t *testing.T) {
	h := newHostileRig(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(h.dir), "outside.txt"), []byte(leaked), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "outside.txt"), filepath.Join(h.dir, "up.txt")); err != nil {
		t.Fatal(err)
	}
	bypasses, n := 0, 0
	var worst struct {
		cpu   time.Duration
		bytes uint64
		name  string
	}
	for i, a := range attacks() {
		n++
		t.Run(a.name, func(t *testing.T) {
			before := h.bypass.Load()
			cpu, bytes := cost(func() { h.carryOut(t, i, a) })
			if h.bypass.Load() != before {
				t.Error("the server inside was reached")
			}
			limit := uint64(1 << 30)
			if strings.Contains(a.says, "cost most") {
				limit *= 2 // the whole of a plan's budget, one small piece after the other
			}
			if bytes > limit {
				t.Errorf("%d MiB allocated, want at most %d", bytes>>20, limit>>20)
			}
			t.Logf("%s of CPU, %d MiB allocated", cpu.Round(time.Millisecond), bytes>>20)
			if cpu > worst.cpu {
				worst.cpu, worst.name = cpu, a.name
			}
			worst.bytes = max(worst.bytes, bytes)
			if t.Failed() {
				bypasses++
			}
		})
	}
	t.Logf("%d attacks, %d bypasses; at most %s of CPU (%s) and %d MiB allocated, servers included", n, bypasses, worst.cpu.Round(time.Millisecond), worst.name, worst.bytes>>20)
}

// carryOut runs one attack and judges what came of it.
func (h *hostileRig) carryOut(t *testing.T, i int, a attack) {
	h.evil, h.got = a.answer, nil
	if h.evil == nil {
		h.evil = saying(map[string]any{})
	}
	for name, text := range a.files {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if a.context == "" {
		a.context = "{}"
	}
	servers := strings.NewReplacer("ALLOWED/", h.allowed.URL+"/", "PORT", h.port)
	if strings.Contains(a.name, "redirect") {
		servers = strings.NewReplacer("ALLOWED/", h.allowed.URL+"/?p="+h.port)
	}
	def := h.define(servers.Replace(fmt.Sprintf(`{"name": "hostile-%d", "enabled": true, "vars": {"token": %q}, "context": %s, "rules": %s}`, i, leaked, a.context, a.rules)))
	x := a.x
	if text, ok := x.(string); ok {
		x = servers.Replace(text)
	}
	payload, err := json.Marshal(map[string]any{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	cause := core.EventCause(fmt.Sprintf("hostile-%d", i))
	h.record(def, cause, &core.Event{EventID: cause.EventID, Type: "test.event", Time: time.Now().UTC(), Payload: payload}, "")
	if _, err := h.starter.StartRun(t.Context(), def.ID, cause); err != nil {
		t.Fatal(err)
	}
	run := h.wait(core.WorkflowID(def.ID, cause))
	said := run.Error
	for _, rec := range h.actions(run.RunID) {
		if rec.Result != nil {
			said += " " + rec.Result.Error
		}
	}
	if run.Status != a.want || !strings.Contains(said, a.says) {
		t.Errorf("the run %s, saying %.300q; want %s, saying %q", run.Status, said, a.want, a.says)
	}
	if len(said) > 4096 {
		t.Errorf("the error has %d bytes", len(said))
	}
	all := strings.Join(h.got, "\n")
	if !strings.Contains(all, a.sent) || a.never != "" && strings.Contains(all, a.never) || strings.Contains(all, leaked) {
		t.Errorf("the server received %.600q", all)
	}
	tasks := h.tasks(run.RunID)
	if a.title != "" && (len(tasks) != 1 || tasks[0].Title != a.title) {
		t.Errorf("tasks %.600v, want the title %q", tasks, a.title)
	}
	for _, task := range tasks {
		if strings.Contains(task.Title+task.ItemKey, leaked) {
			t.Errorf("data was evaluated: %.300q", task.Title)
		}
	}
}

// cost is the CPU time that the process spent and the bytes it allocated while f ran.
func cost(f func()) (time.Duration, uint64) {
	var from, to runtime.MemStats
	spent := func() time.Duration {
		var u syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	runtime.ReadMemStats(&from)
	begin := spent()
	f()
	took := spent() - begin
	runtime.ReadMemStats(&to)
	return took, to.TotalAlloc - from.TotalAlloc
}
