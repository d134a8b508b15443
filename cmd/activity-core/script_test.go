//go:build !slim

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"

	"github.com/activity-core/activity-core/internal/testkit"
)

// TestScripts runs the files of testdata/script. Each is a txtar archive: a script, then the
// files it needs, laid into the folder in which it runs. A line is a command of
// [scriptCommands]; before it may stand "!" (it must fail) or "!2" (it must end with this exit
// code). $NAME is replaced by what `env`, `set` or a started server gave that name; $QUIET is
// an hour of the day (UTC, two digits) that does not come while a script runs.
func TestScripts(t *testing.T) { runScripts(t, "script") }

// TestLongScripts runs those of testdata/long, which wait for the clock.
func TestLongScripts(t *testing.T) {
	if os.Getenv("ACTIVITY_CORE_LONG") != "1" {
		t.Skip("takes minutes: set ACTIVITY_CORE_LONG=1")
	}
	runScripts(t, "long")
}

func runScripts(t *testing.T, folder string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			runScript(t, filepath.Base(path), string(text))
		})
	}
}

// script is one running script.
type script struct {
	*testing.T
	where    string // file:line, for messages
	work     string // the folder it runs in
	vars     map[string]string
	stdin    string // of the next activity-core command
	out, err string // of the latest command
	code     int
	response *http.Response
	dev      *devProcess            // dev, or the replica in use
	replicas map[string]*devProcess // of serve, by name
	nats     *process
	web      *webServer
	orders   *orderWorker
}

// scriptCommands are the words a script is written in. A command that ends with an exit code
// returns it; every other returns 0 or fails the test.
var scriptCommands = map[string]func(s *script, args []string) int{
	"activity-core":   (*script).client,        // a client command, in this process
	"program":         (*script).program,       // the program as a child process, until it ends
	"interrupt":       (*script).interrupt,     // N ARGS: the program as a child process, Ctrl-C as soon as there are N runs
	"dev":             (*script).startDev,      // the program's dev in the background; sets $SERVER, $API_PORT
	"stop":            (*script).stopDev,       // Ctrl-C; must end with 0
	"kill":            (*script).killDev,       // kill -9
	"database":        (*script).database,      // an empty one of PostgreSQL; sets $DATABASE_URL
	"temporal-server": (*script).startTemporal, // dev-server temporal DIR in the background
	"nats-server":     (*script).startNATS,     // dev-server nats DIR in the background
	"serve":           (*script).serve,         // NAME [SETTING=VALUE]: a replica on those three; stop and kill work on it as well
	"use":             (*script).use,           // NAME: the replica that the next commands talk to
	"stop-nats":       (*script).stopNATS,      //
	"nats-publish":    (*script).natsPublish,   // MSGID FILE: straight to JetStream, past the API
	"http":            (*script).http,          // METHOD PATH [-H 'Name: value'] [-d TEXT or -d @FILE]
	"status":          (*script).status,        // HTTP status of the latest http
	"header":          (*script).header,        // NAME REGEXP of the latest http
	"stdout":          (*script).stdoutMatches, // REGEXP, on the latest output
	"stderr":          (*script).stderrMatches, //
	"no-stdout":       (*script).stdoutLacks,   // REGEXP
	"cmp-stdout":      (*script).cmpStdout,     // FILE: the latest output is the same
	"save-stdout":     (*script).saveStdout,    // FILE
	"json":            (*script).json,          // PATH VALUE, on the latest output; # counts, * is each
	"distinct":        (*script).distinct,      // PATH N: the values are N different ones
	"set":             (*script).set,           // NAME PATH: a variable from the latest output
	"env":             (*script).setVariable,   // NAME VALUE
	"stdin":           (*script).setStdin,      // TEXT or @FILE for the next activity-core
	"until":           (*script).until,         // REGEXP activity-core …: repeated until it prints that
	"metric":          (*script).metric,        // 'NAME{label="value"}' VALUE: waits for exactly that
	"schedule":        (*script).schedule,      // NAME active|paused|absent, asked from Temporal itself
	"in-temporal":     (*script).inTemporal,    // pause|unpause|edit|delete|make NAME: a schedule, past us
	"zones":           (*script).zones,         // FILE RELEASE [ZONE=OTHER]: an archive of zone data, with the rules of OTHER for ZONE
	"cp":              (*script).copyFile,      // FROM TO
	"replace":         (*script).replace,       // FILE OLD NEW
	"repeat":          (*script).repeat,        // FILE TEXT N: a file of N times TEXT
	"web":             (*script).startWeb,      // a local HTTP server; sets $WEB
	"web-status":      (*script).webStatus,     // STATUS it answers with from now on
	"web-got":         (*script).webGot,        // METHOD PATH N: requests so far
	"order-worker":    (*script).startOrders,   // a worker of our own for OrderWorkflow on task queue orders
	"order-got":       (*script).orderGot,      // ID N: how often it was run with this argument
}

func runScript(t *testing.T, name, text string) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	body, files := archive(text)
	s := &script{T: t, work: t.TempDir()}
	s.vars = map[string]string{"EXAMPLES": examples, "TESTDATA": testdata, "WORK": s.work, "QUIET": quietHour(time.Now())}
	for name, content := range files {
		path := filepath.Join(s.work, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write(path, content)
	}
	t.Chdir(s.work)
	for i, line := range strings.Split(body, "\n") {
		s.where = fmt.Sprintf("%s:%d", name, i+1)
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			s.line(words(line))
		}
	}
}

// quietHour is an hour of the day that does not come within twelve hours after now, whatever
// the time is.
func quietHour(now time.Time) string {
	if h := now.UTC().Hour(); h >= 6 && h < 18 {
		return "06"
	}
	return "18"
}

func TestTheQuietHourDoesNotComeSoon(t *testing.T) {
	start := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
	for now := start; now.Before(start.Add(48 * time.Hour)); now = now.Add(time.Minute) {
		spec, err := cronspec.Parse([]string{"0 " + quietHour(now) + " * * *"}, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		for next := range spec.Between(now.Add(time.Nanosecond), now.Add(12*time.Hour)) {
			t.Fatalf("started at %s, it comes at %s", now, next)
		}
	}
}

// line carries out one command and holds its exit code against what the line says.
func (s *script) line(args []string) {
	s.Helper()
	wanted := args[0]
	if strings.HasPrefix(wanted, "!") {
		args = args[1:]
	} else {
		wanted = ""
	}
	for i := range args {
		args[i] = s.expand(args[i])
	}
	command := scriptCommands[args[0]]
	if command == nil {
		s.Fatalf("%s: there is no command %q", s.where, args[0])
	}
	code := command(s, args[1:])
	switch {
	case wanted == "" && code == 0, wanted == "!" && code != 0, wanted == "!"+strconv.Itoa(code):
		return
	}
	s.Fatalf("%s: %s ended with %d\n%s%s", s.where, strings.Join(args, " "), code, s.out, s.err)
}

// expand replaces $NAME for the names that are known; longer names first.
func (s *script) expand(text string) string {
	names := make([]string, 0, len(s.vars))
	for name := range s.vars {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return len(names[i]) > len(names[j]) })
	for _, name := range names {
		text = strings.ReplaceAll(text, "$"+name, s.vars[name])
	}
	return text
}

// need fails the script unless args has at least n words.
func (s *script) need(args []string, n int, usage string) {
	s.Helper()
	if len(args) < n {
		s.Fatalf("%s: usage: %s", s.where, usage)
	}
}

func (s *script) failf(format string, args ...any) {
	s.Helper()
	s.Fatalf("%s: %s", s.where, fmt.Sprintf(format, args...))
}

func (s *script) read(path string) string {
	s.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		s.failf("%v", err)
	}
	return string(b)
}

func (s *script) write(path, content string) {
	s.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.failf("%v", err)
	}
}

// client runs a command as main does, in this process.
func (s *script) client(args []string) int {
	var stdout, stderr bytes.Buffer
	environ := []string{"ACTIVITY_CORE_SERVER=" + s.vars["SERVER"]}
	s.code = run(context.Background(), environment{args: args, environ: environ, stdin: strings.NewReader(s.stdin), stdout: &stdout, stderr: &stderr})
	s.stdin, s.out, s.err = "", stdout.String(), stderr.String()
	return s.code
}

func (s *script) program(args []string) int {
	environ, args := s.environment(args)
	p := startProcess(s.T, s.work, environ, args...)
	s.code = p.wait()
	s.out, s.err = p.stdout.String(), p.stderr.String()
	return s.code
}

func (s *script) interrupt(args []string) int {
	s.need(args, 2, "interrupt N ARGS")
	p := startProcess(s.T, s.work, []string{"ACTIVITY_CORE_SERVER=" + s.vars["SERVER"]}, args[1:]...)
	testkit.Eventually(s.T, s.where, func() error {
		s.client([]string{"runs", "list", "--limit", "1000", "-o", "json"})
		n, err := strconv.Atoi(plain(s.find("items.#")))
		if wanted, _ := strconv.Atoi(args[0]); err == nil && n < wanted {
			err = fmt.Errorf("%d runs so far", n)
		}
		return err
	})
	s.code = p.interrupt()
	s.out, s.err = p.stdout.String(), p.stderr.String()
	return s.code
}

func (s *script) stdoutMatches(args []string) int { return s.matches(s.out, args, true) }
func (s *script) stderrMatches(args []string) int { return s.matches(s.err, args, true) }
func (s *script) stdoutLacks(args []string) int   { return s.matches(s.out, args, false) }

func (s *script) matches(text string, args []string, want bool) int {
	s.need(args, 1, "stdout REGEXP")
	re, err := regexp.Compile("(?m)" + args[0])
	if err != nil {
		s.failf("%v", err)
	}
	if re.MatchString(text) != want {
		s.failf("match of %s is %v in:\n%s", args[0], !want, text)
	}
	return 0
}

func (s *script) cmpStdout(args []string) int {
	s.need(args, 1, "cmp-stdout FILE")
	if want := s.read(args[0]); s.out != want {
		s.failf("was:\n%s\nis:\n%s", want, s.out)
	}
	return 0
}

func (s *script) saveStdout(args []string) int {
	s.need(args, 1, "save-stdout FILE")
	s.write(args[0], s.out)
	return 0
}

func (s *script) setVariable(args []string) int {
	s.need(args, 2, "env NAME VALUE")
	s.vars[args[0]] = args[1]
	return 0
}

func (s *script) setStdin(args []string) int {
	s.need(args, 1, "stdin TEXT or @FILE")
	s.stdin = s.textOrFile(args[0])
	return 0
}

func (s *script) textOrFile(arg string) string {
	if path, ok := strings.CutPrefix(arg, "@"); ok {
		return s.read(path)
	}
	return arg
}

func (s *script) until(args []string) int {
	s.need(args, 3, "until REGEXP activity-core …")
	re := regexp.MustCompile("(?m)" + args[0])
	testkit.Eventually(s.T, s.where, func() error {
		if code := s.client(append([]string(nil), args[2:]...)); code != 0 {
			return fmt.Errorf("exit %d: %s", code, s.err)
		}
		if !re.MatchString(s.out) {
			return fmt.Errorf("no %s in:\n%s", args[0], s.out)
		}
		return nil
	})
	return 0
}

func (s *script) copyFile(args []string) int {
	s.need(args, 2, "cp FROM TO")
	s.write(args[1], s.read(args[0]))
	return 0
}

func (s *script) replace(args []string) int {
	s.need(args, 3, "replace FILE OLD NEW")
	text := s.read(args[0])
	if !strings.Contains(text, args[1]) {
		s.failf("%s holds no %q", args[0], args[1])
	}
	s.write(args[0], strings.ReplaceAll(text, args[1], args[2]))
	return 0
}

func (s *script) repeat(args []string) int {
	s.need(args, 3, "repeat FILE TEXT N")
	n, err := strconv.Atoi(args[2])
	if err != nil {
		s.failf("%v", err)
	}
	s.write(args[0], strings.Repeat(args[1], n))
	return 0
}

// archive splits a txtar file: the text before the first "-- name --" line, and the files after
// such lines.
func archive(text string) (comment string, files map[string]string) {
	files = map[string]string{}
	name := ""
	var b strings.Builder
	flush := func() {
		if name == "" {
			comment = b.String()
		} else {
			files[name] = b.String()
		}
		b.Reset()
	}
	for line := range strings.Lines(text) {
		marker := strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(marker, "-- "); ok && strings.HasSuffix(n, " --") {
			flush()
			name = strings.TrimSpace(strings.TrimSuffix(n, " --"))
			continue
		}
		b.WriteString(line)
	}
	flush()
	return comment, files
}
