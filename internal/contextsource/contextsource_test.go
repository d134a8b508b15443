package contextsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/sqlite"
)

// oneHost resolves one secret for one host.
type oneHost struct{ name, host, value string }

func (o oneHost) Resolve(_ context.Context, name, host string) (string, error) {
	if name != o.name {
		return "", core.NotFound("secret", name)
	}
	if host != o.host {
		return "", core.Errorf(core.CodeForbidden, "secret %q may not be sent to %q", name, host)
	}
	return o.value, nil
}

func fetcher(t *testing.T, change func(*contextsource.Config)) *contextsource.Fetcher {
	t.Helper()
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(c.Close)
	cfg := contextsource.Config{HTTP: c, Secrets: oneHost{}, RetryDelay: time.Microsecond}
	if change != nil {
		change(&cfg)
	}
	return contextsource.New(cfg)
}

func fetch(t *testing.T, f *contextsource.Fetcher, s core.ContextSource) (any, error) {
	t.Helper()
	def := core.StoredDefinition{Definition: core.Definition{ID: core.DefinitionID("d"), Context: map[string]core.ContextSource{"x": s}}}
	values, err := f.Fetch(t.Context(), def)
	return values["x"], err
}

func httpSource(url string, change func(*core.HTTPSource)) core.ContextSource {
	h := &core.HTTPSource{URL: url}
	if change != nil {
		change(h)
	}
	return core.ContextSource{HTTP: h}
}

func TestAFileIsReadByItsSuffix(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `{"n": 9007199254740993, "f": 1.5, "big": 18446744073709551615}`,
		"a.yaml": "n: 9007199254740993\nday: 2026-03-01\nlist: [1, two, null, true, 16, 1.5]\n",
		"a.csv":  "name,n\nx,1\n\"y, z\",2\n",
		"a.txt":  "one\r\n\ntwo",
		"e.yml":  "", "e.csv": "", "e.txt": "", "e.json": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := fetcher(t, func(c *contextsource.Config) { c.Dir = dir })
	for name, want := range map[string]any{
		"a.json": map[string]any{"n": int64(9007199254740993), "f": 1.5, "big": uint64(18446744073709551615)},
		"a.yaml": map[string]any{"n": int64(9007199254740993), "day": "2026-03-01", "list": []any{int64(1), "two", nil, true, int64(16), 1.5}},
		"a.csv":  []any{map[string]any{"name": "x", "n": "1"}, map[string]any{"name": "y, z", "n": "2"}},
		"a.txt":  []any{"one", "", "two"},
		"e.yml":  nil, "e.csv": []any{}, "e.txt": []any{}, "e.json": nil,
	} {
		got, err := fetch(t, f, core.ContextSource{File: name})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", name, got, err, want)
		}
	}
}

func TestAFileThatMustNotBeReadIsRefusedWithTheRemedy(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret.json"), `"private"`)
	write(filepath.Join(dir, "large.json"), `"`+strings.Repeat("x", 2000)+`"`)
	write(filepath.Join(dir, "alias.yaml"), "a: &x [1]\nb: *x\n")
	write(filepath.Join(dir, "twice.yaml"), "a: 1\na: 2\n")
	write(filepath.Join(dir, "deep.yaml"), strings.Repeat("[", 300)+strings.Repeat("]", 300))
	write(filepath.Join(dir, "bad.json"), "{")
	write(filepath.Join(dir, "bad.csv"), "a,b\n1\n")
	write(filepath.Join(dir, "x.exe"), "MZ")
	if err := os.Symlink(filepath.Join(outside, "secret.json"), filepath.Join(dir, "link.json")); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, func(c *contextsource.Config) { c.Dir, c.MaxFileBytes = dir, 1000 })
	for path, want := range map[string]string{
		"missing.json": "context folder", "link.json": "context folder", "../" + filepath.Base(outside) + "/secret.json": "context folder",
		filepath.Join(outside, "secret.json"): "context folder", "folder.json": "regular file", "large.json": "1000 bytes",
		"alias.yaml": "aliases", "twice.yaml": "twice", "deep.yaml": "deeper", "bad.json": "not JSON", "bad.csv": "not CSV", "x.exe": "suffix",
	} {
		got, err := fetch(t, f, core.ContextSource{File: path})
		if err == nil || got != nil || !strings.Contains(core.MessageOf(err), want) || strings.Contains(fmt.Sprint(err), "private") {
			t.Errorf("%s: got %v, %v; want a message with %q", path, got, err, want)
		}
	}
	if _, err := fetch(t, fetcher(t, nil), core.ContextSource{File: "a.json"}); err == nil || !strings.Contains(err.Error(), "--context-dir") {
		t.Errorf("without a folder: %v", err)
	}
}

func TestPagesAreFollowedByLinkAndByCursor(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/link", func(w http.ResponseWriter, r *http.Request) {
		if page := r.URL.Query().Get("page"); page == "" {
			w.Header().Set("Link", `</link?page=9>; rel="last"; title="a, b", </link?page=2>; rel="prefetch next"`)
			fmt.Fprint(w, `{"items": [1, 2]}`)
		} else {
			fmt.Fprint(w, `{"items": [3]}`)
		}
	})
	mux.HandleFunc("/cursor", func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": `"a b"`, "a b": "7", "7": "null"}[r.URL.Query().Get("after")]
		fmt.Fprintf(w, `{"items": [%q], "next": %s}`, r.URL.Query().Get("after"), next)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	f := fetcher(t, nil)
	got, err := fetch(t, f, httpSource(server.URL+"/link", func(h *core.HTTPSource) {
		h.Select, h.Paging = "body.items", &core.Paging{Link: true}
	}))
	if err != nil || !reflect.DeepEqual(got, []any{int64(1), int64(2), int64(3)}) {
		t.Errorf("link: %v, %v", got, err)
	}
	cursor := func(pages int) (any, error) {
		return fetch(t, f, httpSource(server.URL+"/cursor?keep=1", func(h *core.HTTPSource) {
			h.Select, h.Paging = "body.items", &core.Paging{Cursor: "body.next", Param: "after", MaxPages: pages}
		}))
	}
	if got, err := cursor(3); err != nil || !reflect.DeepEqual(got, []any{"", "a b", "7"}) {
		t.Errorf("cursor: %v, %v", got, err)
	}
	if _, err := cursor(2); !core.IsCode(err, core.CodeTooLarge) {
		t.Errorf("beyond max_pages: %v", err)
	}
}

func TestTheNextPageIsNotFollowedToAnotherHost(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<"+other.URL+`>; rel=next`)
		fmt.Fprint(w, `[]`)
	}))
	defer server.Close()
	_, err := fetch(t, fetcher(t, nil), httpSource(server.URL, func(h *core.HTTPSource) { h.Paging = &core.Paging{Link: true} }))
	if !core.IsCode(err, core.CodeForbidden) {
		t.Errorf("got %v", err)
	}
}

func TestAnUnchangedAnswerIsTakenFromTheCacheOfTheSameCaller(t *testing.T) {
	var full, unchanged atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := map[string]string{"alice-token": "alice", "bob-token": "bob"}[r.Header.Get("Authorization")]
		tag := `"` + who + `"`
		if r.Header.Get("If-None-Match") == tag {
			unchanged.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		full.Add(1)
		w.Header().Set("ETag", tag)
		_ = json.NewEncoder(w).Encode(who)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	secrets := &oneHost{"token", host, ""}
	f := fetcher(t, func(c *contextsource.Config) { c.Secrets = secrets })
	source := httpSource(server.URL, func(h *core.HTTPSource) { h.SecretHeader = map[string]string{"Authorization": "token"} })
	for _, who := range []string{"alice", "alice", "bob"} {
		secrets.value = who + "-token"
		if got, err := fetch(t, f, source); got != who || err != nil {
			t.Fatalf("%s got %v, %v", who, got, err)
		}
	}
	if full.Load() != 2 || unchanged.Load() != 1 {
		t.Errorf("%d full answers, %d unchanged", full.Load(), unchanged.Load())
	}
}

func TestASecretThatAServerEchoesDoesNotBecomeContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"headers": r.Header})
	}))
	defer server.Close()
	f := fetcher(t, func(c *contextsource.Config) {
		c.Secrets = oneHost{"token", strings.TrimPrefix(server.URL, "http://"), `Bearer hunter22"\x`}
	})
	got, err := fetch(t, f, httpSource(server.URL, func(h *core.HTTPSource) { h.SecretHeader = map[string]string{"Authorization": "token"} }))
	if err != nil || strings.Contains(fmt.Sprint(got), "hunter22") || !strings.Contains(fmt.Sprint(got), "***") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestASecretIsNotSentToAHostItIsNotBoundTo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server was asked") }))
	defer server.Close()
	f := fetcher(t, func(c *contextsource.Config) { c.Secrets = oneHost{"token", "api.example", "hunter22"} })
	_, err := fetch(t, f, httpSource(server.URL, func(h *core.HTTPSource) { h.SecretHeader = map[string]string{"X-Token": "token"} }))
	if !core.IsCode(err, core.CodeForbidden) || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatIsUnavailableIsAskedAgainAndOneThatSaysNoIsNot(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch {
		case r.URL.Path == "/no":
			http.Error(w, "no", http.StatusForbidden)
		case r.URL.Path == "/down" || n < 3:
			http.Error(w, "later", http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `"at last"`)
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		path  string
		want  any
		code  core.Code
		asked int64
	}{{"/soon", "at last", "", 3}, {"/down", nil, core.CodeUnavailable, 3}, {"/no", nil, core.CodeInvalid, 1}} {
		asked.Store(0)
		got, err := fetch(t, fetcher(t, nil), httpSource(server.URL+c.path, nil))
		if got != c.want || core.CodeOf(err) != c.code || asked.Load() != c.asked {
			t.Errorf("%s: got %v, %v after %d requests", c.path, got, err, asked.Load())
		}
		if err != nil && !strings.HasPrefix(core.MessageOf(err), "context.x: ") {
			t.Errorf("the message does not name the entry: %s", core.MessageOf(err))
		}
	}
}

func TestAnswersBeyondTheLimitAreRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `</more>; rel="next"`)
		fmt.Fprintf(w, `["%s"]`, strings.Repeat("x", 400))
	}))
	defer server.Close()
	for what, change := range map[string]func(*core.HTTPSource){
		"one answer":        func(h *core.HTTPSource) { h.MaxBytes = 100 },
		"all pages as well": func(h *core.HTTPSource) { h.MaxBytes, h.Paging = 1000, &core.Paging{Link: true} },
	} {
		if _, err := fetch(t, fetcher(t, nil), httpSource(server.URL, change)); !core.IsCode(err, core.CodeTooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSelectIsBoundedAndItsFaultIsNamed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"a": [1]}`) }))
	defer server.Close()
	for expression, want := range map[string]string{
		"body.b": "select", "body.": "select",
		"lists.range(1000).map(x, lists.range(1000).map(y, lists.range(1000)))": "select",
	} {
		_, err := fetch(t, fetcher(t, nil), httpSource(server.URL, func(h *core.HTTPSource) { h.Select = expression }))
		if err == nil || !strings.Contains(core.MessageOf(err), want) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestThePreviousRunAndOpenTasksComeFromTheRecord(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f := fetcher(t, func(c *contextsource.Config) { c.Record = store })
	lastRun := core.ContextSource{LastRun: &core.LastRunSource{}}
	tasks := core.ContextSource{Tasks: &core.TasksSource{}}
	if got, err := fetch(t, f, lastRun); got != nil || err != nil {
		t.Errorf("before the first run: %v, %v", got, err)
	}
	id := core.DefinitionID("d")
	cause := core.ManualCause("k")
	workflow := core.WorkflowID(id, cause)
	adm, err := store.Admit(t.Context(), core.Claim{ActivityID: id, ActivityName: "d", DefinitionVersion: 1, Cause: cause,
		WorkflowID: workflow, TemporalRunID: "t", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	key := core.ActionKey(workflow, "r", "0", 0)
	task := core.Task{TaskID: core.TaskID(key), RunID: adm.Run.RunID, ActivityID: id, Rule: "r", ItemKey: "0", ActionKey: key,
		Title: "T", Priority: "normal", Status: core.TaskOpen, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	_, stored, err := store.ExecuteSmall(t.Context(), adm.Run.RunID,
		core.Plan{Items: 1, Actions: []core.PlannedAction{{Rule: "r", ItemKey: "0", Key: key, Type: core.ActionCreateTask, With: map[string]any{"title": "T"}}}},
		[]core.ActionResult{{Status: core.ActionSucceeded, Attempts: 1, FinishedAt: time.Now()}},
		[]core.TaskWrite{{Task: task, IfOpen: core.IfOpenSkip}}, time.Now())
	if err != nil || !stored {
		t.Fatal(stored, err)
	}
	got, err := fetch(t, f, lastRun)
	if err != nil {
		t.Fatal(err)
	}
	run := got.(map[string]any)
	results := run["results"].([]any)
	if run["run_id"] != adm.Run.RunID || run["items"] != int64(1) || len(results) != 1 ||
		!reflect.DeepEqual(results[0].(map[string]any)["result"].(map[string]any)["task_id"], task.TaskID) {
		t.Errorf("last run: %v", run)
	}
	list, err := fetch(t, f, tasks)
	if err != nil || len(list.([]any)) != 1 || list.([]any)[0].(map[string]any)["title"] != "T" {
		t.Errorf("tasks: %v, %v", list, err)
	}
	done := core.TaskDone
	if _, err := store.PatchTask(t.Context(), task.TaskID, core.TaskPatch{Status: &done}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if list, err := fetch(t, f, tasks); err != nil || len(list.([]any)) != 0 {
		t.Errorf("after it was done: %v, %v", list, err)
	}
}
