// Package docs_test holds the documents against the program: links, definitions, settings,
// metrics and deployment files. What the documents say of commands is checked beside the
// commands (cmd/activity-core), of filters and expressions beside their packages.
package docs_test

import (
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/ruleeval"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// pages are the documents by their path below the root of the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	read := func(path string) {
		b, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.ToSlash(path)] = string(b)
	}
	read("README.md")
	read("CHANGELOG.md")
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			read(filepath.Join("docs", path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 15 {
		t.Fatalf("only %d documents were found", len(out))
	}
	return out
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	notWords = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	code     = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
)

// anchors are the fragments that GitHub gives the headings of a page.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(regexp.MustCompile("(?s)```.*?```").ReplaceAllString(page, ""), -1) {
		out[strings.ReplaceAll(notWords.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return out
}

func TestEveryLinkBetweenDocumentsLeadsSomewhere(t *testing.T) {
	all := pages(t)
	checked := 0
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			path := name
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
				if _, err := os.Stat(filepath.Join("..", path)); err != nil {
					t.Errorf("%s: the link to %s leads nowhere", name, m[1])
					continue
				}
			}
			if fragment != "" && !anchors(all[path])[fragment] {
				t.Errorf("%s: %s has no heading %q", name, path, fragment)
			}
		}
	}
	if checked < 30 {
		t.Fatalf("only %d links were found", checked)
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

func TestEveryDefinitionInTheDocumentsIsValid(t *testing.T) {
	checked := 0
	for name, text := range pages(t) {
		for _, m := range yamlBlock.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "trigger_type:") || !strings.Contains(m[1], "rules:") {
				continue
			}
			checked++
			docs, err := document.Parse(name, []byte(m[1]), document.YAML)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, m[1])
				continue
			}
			for _, d := range docs {
				if err := catalog.Check(&d.Definition); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	if checked < 10 {
		t.Fatalf("only %d definitions were found", checked)
	}
}

func TestTheReferenceNamesEveryActionWithItsParameters(t *testing.T) {
	page := pages(t)["docs/definitions.md"]
	for _, action := range core.ActionTypes() {
		row := regexp.MustCompile("(?m)^\\| `" + string(action) + "` \\|.*$").FindString(page)
		var want []string
		for _, p := range ruleeval.ActionParams(action) {
			want = append(want, p.Name)
			if required := strings.Contains(row, "**`"+p.Name+"`**"); required != p.Required {
				t.Errorf("%s: %s is shown as required: %v", action, p.Name, required)
			}
		}
		var have []string
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row, -1) {
			have = append(have, m[1])
		}
		want = append(want, string(action))
		slices.Sort(want)
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("%s: the page has %v, the program %v", action, have, want)
		}
	}
}

func settings(t *testing.T) map[string]config.Entry {
	t.Helper()
	c, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]config.Entry{}
	for _, e := range c.Redacted() {
		out[e.Key] = e
	}
	return out
}

func TestTheConfigurationPageHasEverySettingWithItsDefault(t *testing.T) {
	page := pages(t)["docs/configuration.md"]
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`([^`]*)`)? *\\|").FindAllStringSubmatch(page, -1) {
		rows[m[1]] = m[2]
	}
	all := settings(t)
	for key, e := range all {
		shown, ok := rows[key]
		if !ok || shown != e.Value {
			t.Errorf("%s: the page shows %q (%v), the default is %q", key, shown, ok, e.Value)
		}
	}
	for key := range rows {
		if _, ok := all[key]; !ok {
			t.Errorf("%s is no setting", key)
		}
	}
}

func TestTheSettingsThatAreMentionedExist(t *testing.T) {
	all := settings(t)
	groups, environment := map[string]bool{}, map[string]bool{}
	for key, e := range all {
		if group, _, ok := strings.Cut(key, "."); ok && group != "context" { // context.<name> is part of definitions
			groups[group] = true
		}
		environment[e.Env] = true
	}
	variable := regexp.MustCompile(`ACTIVITY_CORE_[A-Z_]+`)
	elsewhere := regexp.MustCompile(`^ACTIVITY_CORE_(SERVER|TOKEN|LONG|TEST_.*|SECRET_.*|)$`)
	key := regexp.MustCompile("`([a-z]+)\\.([a-z_]+(?:\\.[a-z_]+)?)`")
	found := 0
	for name, text := range pages(t) {
		for _, v := range variable.FindAllString(text, -1) {
			found++
			if !environment[v] && !elsewhere.MatchString(v) {
				t.Errorf("%s: there is no variable %s", name, v)
			}
		}
		for _, m := range key.FindAllStringSubmatch(text, -1) {
			if k := m[1] + "." + m[2]; groups[m[1]] && !strings.HasSuffix(k, ".go") && !strings.HasSuffix(k, ".db") {
				found++
				if _, ok := all[k]; !ok {
					t.Errorf("%s: there is no setting %s", name, k)
				}
			}
		}
	}
	if found < 50 {
		t.Fatalf("only %d mentions were found", found)
	}
}

// exported makes every metric of the program appear once and returns their labels by name, and
// their types.
func exported(t *testing.T) (labels map[string][]string, types map[string]string) {
	t.Helper()
	m, err := telemetry.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(m)
	for i := range v.NumMethod() {
		method := v.Type().Method(i)
		if slices.Contains([]string{"Provider", "Handler", "Stop"}, method.Name) {
			continue
		}
		var args []reflect.Value
		for j := range method.Type.NumIn() - 1 {
			args = append(args, example(method.Type.In(j+1)))
		}
		v.Method(i).Call(args)
	}
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	labels, types = map[string][]string{}, map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "# TYPE activity_core_"); ok {
			name, kind, _ := strings.Cut(kind, " ")
			types["activity_core_"+name] = kind
		}
		sample := regexp.MustCompile(`^(activity_core_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? `).FindStringSubmatch(line)
		if sample == nil {
			continue
		}
		var names []string
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(sample[2], -1) {
			if l[1] != "le" {
				names = append(names, l[1])
			}
		}
		slices.Sort(names)
		labels[sample[1]] = names
	}
	return labels, types
}

// example is any value of a type.
func example(t reflect.Type) reflect.Value {
	switch t.Kind() {
	case reflect.String:
		return reflect.ValueOf("example").Convert(t)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return reflect.ValueOf(1).Convert(t)
	}
	return reflect.Zero(t)
}

func TestTheMetricsPageIsWhatTheProgramExports(t *testing.T) {
	labels, types := exported(t)
	shown := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(activity_core_[a-z_]+)` \\| (\\w+) \\| *((?:`\\w+`(?:, )?)*) *\\|")
	for _, m := range row.FindAllStringSubmatch(pages(t)["docs/metrics.md"], -1) {
		var names []string
		for _, l := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[3], -1) {
			names = append(names, l[1])
		}
		slices.Sort(names)
		shown[m[1]] = fmt.Sprint(m[2], names)
	}
	want := map[string]string{}
	for name, ls := range labels {
		want[name] = fmt.Sprint(types[name], ls)
	}
	for name := range want {
		if shown[name] != want[name] {
			t.Errorf("%s is a %s, the page says %q", name, want[name], shown[name])
		}
	}
	for name := range shown {
		if _, ok := want[name]; !ok {
			t.Errorf("the program has no metric %s", name)
		}
	}
}

func TestTheMetricsThatAreMentionedExist(t *testing.T) {
	labels, _ := exported(t)
	for name, text := range pages(t) {
		for _, m := range regexp.MustCompile(`activity_core_[a-z_]+`).FindAllString(text, -1) {
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m, "")
			if _, ok := labels[base]; !ok {
				t.Errorf("%s: there is no metric %s", name, m)
			}
		}
	}
}

func TestTheFixedNamesAreOnTheConventionsPage(t *testing.T) {
	page := pages(t)["docs/conventions.md"]
	for _, name := range []string{
		core.WorkflowType, core.TaskQueue, core.EventStream, core.EventSubjects, core.RouterDurable,
		core.DeadLetterStream, core.DeadLetterSubjects, core.SearchAttrActivity, core.SearchAttrTrigger,
		core.SearchAttrOutcome, core.SearchAttrSpecHash, config.EnvPrefix, core.ScheduleID("{activity_id}"),
		core.CronWorkflowBase("{activity_id}"),
		strings.Replace(core.WorkflowID("{activity_id}", core.EventCause("EVENT")), "EVENT", "{event_id}", 1),
		core.FormatNominal(time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)),
	} {
		if !strings.Contains(page, "`"+name) {
			t.Errorf("the page lacks %s", name)
		}
	}
}

func TestTheStatesAreOnTheirPage(t *testing.T) {
	page := pages(t)["docs/states.md"]
	run, _, _ := strings.Cut(page, "## Action")
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+)`).FindAllStringSubmatch(run, -1) {
		drawn[m[1]+" "+m[2]] = true
	}
	for _, from := range core.RunStatuses() {
		for _, to := range core.RunStatuses() {
			if can := from.CanBecome(to); can != drawn[fmt.Sprintf("%s %s", from, to)] {
				t.Errorf("a run can go from %s to %s: %v, the page says otherwise", from, to, can)
			}
		}
	}
	for _, v := range core.Verdicts() {
		if !strings.Contains(page, "| `"+string(v)+"` |") {
			t.Errorf("the verdict %s is not explained", v)
		}
	}
}

func TestTheDeploymentsNATSKeepsWhatItAcknowledges(t *testing.T) {
	opts, err := server.ProcessConfigFile(filepath.Join("..", "deploy", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !opts.SyncAlways || !opts.JetStream || opts.StoreDir == "" {
		t.Fatalf("sync_interval always: %v, JetStream: %v in %q", opts.SyncAlways, opts.JetStream, opts.StoreDir)
	}
}

func TestTheDeploymentGivesSettingsThatExist(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "deploy", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Environment map[string]string
			Volumes     []string
			DependsOn   map[string]any `yaml:"depends_on"`
		}
	}
	if err := yaml.Unmarshal(b, &compose); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for k, v := range compose.Services["activity-core"].Environment {
		v = regexp.MustCompile(`\$\{\w+:-(\w*)\}`).ReplaceAllString(v, "$1")
		v = regexp.MustCompile(`\$\{\w+:\?.*\}`).ReplaceAllString(v, "0123456789abcdef")
		if k == config.EnvName("context.dir") {
			v = t.TempDir()
		}
		environ = append(environ, k+"="+v)
	}
	cfg, err := config.Load(config.Sources{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DatabaseURL == "" || cfg.APIToken == "" {
		t.Error("the deployment has no database or no token")
	}
	for name, s := range compose.Services {
		for needed := range s.DependsOn {
			if _, ok := compose.Services[needed]; !ok {
				t.Errorf("%s needs %s, which is no service", name, needed)
			}
		}
		for _, v := range s.Volumes {
			if source, _, _ := strings.Cut(v, ":"); strings.HasPrefix(source, ".") {
				if _, err := os.Stat(filepath.Join("..", "deploy", source)); err != nil {
					t.Errorf("%s mounts %s: %v", name, source, err)
				}
			}
		}
	}
}
