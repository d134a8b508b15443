package activitycore

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Limits of a definition document.
const (
	MaxDocumentBytes    = 1 << 20 // of the source text
	MaxDocumentDepth    = 64
	MaxRules            = 100
	MaxActionsPerRule   = 50
	MaxContextSources   = 50
	MaxCronExpressions  = 50
	MaxEventTypes       = 100
	MaxExpressionBytes  = 16 << 10
	DefaultMaxItems     = 10_000
	MaxMaxItems         = 100_000
	maxNameLength       = 100
	maxDescriptionBytes = 4 << 10
)

var (
	namePattern      = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)
	identPattern     = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	eventTypePattern = regexp.MustCompile(`^[A-Za-z0-9._:/@+=~-]+$`)
)

// ScopeNames are the names that every expression may use and that `as` may not shadow.
func ScopeNames() []string {
	return []string{"event", "payload", "context", "vars", "inputs", "activity", "run", "steps"}
}

// ValidateEventType says what is wrong with an event type, or nothing. It is the rule for
// events too: what can be published, a definition can name.
func ValidateEventType(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("an event type is needed, for example github.push")
	case len(s) > 200:
		return fmt.Errorf("an event type has at most 200 characters, this one has %d", len(s))
	case !eventTypePattern.MatchString(s):
		return fmt.Errorf("%q is not an event type; use letters, digits and ._-:/@+=~, for example github.push", s)
	}
	return nil
}

// Normalize fills in what the document leaves out, so that equal meanings give
// equal documents: head, ID, and the defaults of trigger_config and rules.
func (d *Definition) Normalize() {
	if d.APIVersion == "" {
		d.APIVersion = APIVersion
	}
	if d.Kind == "" {
		d.Kind = Kind
	}
	if d.ID == "" && d.Name != "" {
		d.ID = DefinitionID(d.Name)
	}
	if d.TriggerType == TriggerCron {
		c := &d.TriggerConfig
		if c.Timezone == "" {
			c.Timezone = DefaultTimezone
		}
		if c.MisfirePolicy == "" {
			c.MisfirePolicy = DefaultMisfirePolicy
		}
		if c.CatchupWindow == 0 {
			c.CatchupWindow = DefaultCatchupWindow
		}
		if c.MisfireGrace == 0 {
			c.MisfireGrace = DefaultMisfireGrace
		}
	}
}

// Validate checks everything about the document that needs neither cron, CEL nor filter
// semantics (those are checked by internal/catalog on top of this), and returns every fault
// found, in document order. Where the text could not be read whole, unread says what is missing
// here (see [Unread]).
func (d *Definition) Validate(unread ...string) []FieldError {
	v := &validator{unread: unread}
	v.check(d.APIVersion == APIVersion, "apiVersion", d.APIVersion, "must be %q", APIVersion)
	v.check(d.Kind == Kind, "kind", d.Kind, "must be %q", Kind)
	v.check(d.ID == "" || IsUUID(d.ID), "id", d.ID, "must be a UUID in lower case, or left out")
	switch {
	case d.Name == "":
		v.add("name", nil, "is required: lower-case letters, digits, '-', '_' and '.'")
	case len(d.Name) > maxNameLength:
		v.add("name", d.Name[:maxNameLength]+"…", "has %d characters, at most %d are allowed", len(d.Name), maxNameLength)
	case !namePattern.MatchString(d.Name):
		v.add("name", d.Name, "may hold lower-case letters, digits, '-', '_' and '.', and begins and ends with a letter or digit")
	case IsUUID(d.Name):
		v.add("name", d.Name, "may not look like a UUID, since definitions are found by name or id")
	}
	v.check(len(d.Description) <= maxDescriptionBytes, "description", nil, "has %d bytes, at most %d are allowed", len(d.Description), maxDescriptionBytes)
	v.trigger(d)
	v.context(d)
	for _, name := range sortedKeys(d.Vars) {
		v.check(identPattern.MatchString(name), "vars."+name, nil, "the name must be letters, digits and '_', not beginning with a digit, so that expressions can use it")
	}
	v.rules(d)
	return v.faults
}

type validator struct {
	unread Unread
	faults []FieldError
}

func (v *validator) add(loc string, value any, format string, args ...any) {
	if v.unread.Covers(loc) {
		return
	}
	v.faults = append(v.faults, FieldError{Location: loc, Value: value, Message: fmt.Sprintf(format, args...)})
}

func (v *validator) check(ok bool, loc string, value any, format string, args ...any) {
	if !ok {
		v.add(loc, value, format, args...)
	}
}

func (v *validator) within(d, lo, hi Duration, loc string) {
	v.check(d >= lo && d <= hi, loc, d.String(), "must be between %s and %s", lo, hi)
}

func (v *validator) trigger(d *Definition) {
	switch d.TriggerType {
	case TriggerCron:
		v.cron(&d.TriggerConfig, true)
	case TriggerEvent:
		v.event(&d.TriggerConfig, true)
	default:
		names := []string{string(TriggerCron), string(TriggerEvent)}
		if d.TriggerType == "" {
			v.add("trigger_type", nil, "is required: cron or event")
		} else {
			v.add("trigger_type", string(d.TriggerType), "must be cron or event%s", hint(string(d.TriggerType), names))
		}
		v.cron(&d.TriggerConfig, false)
		v.event(&d.TriggerConfig, false)
	}
}

const triggerAt = "trigger_config."

// cron checks the fields of a cron trigger. If it is not known to be one, what is missing and
// what belongs to the other type is not judged.
func (v *validator) cron(c *TriggerConfig, known bool) {
	v.check(len(c.CronExpression) > 0 || !known, triggerAt+"cron_expression", nil, "is required for trigger_type cron, for example \"0 6 * * 1\"")
	v.check(len(c.CronExpression) <= MaxCronExpressions, triggerAt+"cron_expression", len(c.CronExpression), "at most %d expressions are allowed", MaxCronExpressions)
	if c.CatchupWindow != 0 {
		v.within(c.CatchupWindow, Duration(10*time.Second), MaxCatchupWindow, triggerAt+"catchup_window")
	}
	v.within(c.MisfireGrace, 0, MaxMisfireGrace, triggerAt+"misfire_grace")
	v.within(c.Jitter, 0, Duration(time.Hour), triggerAt+"jitter")
	for _, f := range []struct {
		set  bool
		name string
	}{{len(c.EventType) > 0, "event_type"}, {len(c.Filters) > 0, "filters"}, {c.When != "", "when"}, {c.AllowCycles, "allow_cycles"}} {
		v.check(!f.set || !known, triggerAt+f.name, nil, "belongs to trigger_type event; for a condition on a cron run use the rule's when")
	}
}

// event checks the fields of an event trigger, as cron does those of a cron trigger.
func (v *validator) event(c *TriggerConfig, known bool) {
	v.check(len(c.EventType) > 0 || !known, triggerAt+"event_type", nil, "is required for trigger_type event, for example github.push")
	v.check(len(c.EventType) <= MaxEventTypes, triggerAt+"event_type", len(c.EventType), "at most %d types are allowed", MaxEventTypes)
	for i, t := range c.EventType {
		if err := ValidateEventType(t); err != nil {
			loc := triggerAt + "event_type"
			if at := fmt.Sprintf("%s[%d]", loc, i); len(c.EventType) > 1 {
				loc = at
			} else if v.unread.Covers(at) {
				continue
			}
			v.add(loc, t, "%s", err)
		}
	}
	v.expression(c.When, triggerAt+"when")
	for _, f := range []struct {
		set  bool
		name string
	}{{len(c.CronExpression) > 0, "cron_expression"}, {c.Timezone != "", "timezone"}, {c.MisfirePolicy != "", "misfire_policy"},
		{c.CatchupWindow != 0, "catchup_window"}, {c.MisfireGrace != 0, "misfire_grace"}, {c.Jitter != 0, "jitter"}} {
		v.check(!f.set || !known, triggerAt+f.name, nil, "belongs to trigger_type cron; an event trigger fires when the event arrives")
	}
}

func (v *validator) context(d *Definition) {
	v.check(len(d.Context) <= MaxContextSources, "context", len(d.Context), "at most %d sources are allowed", MaxContextSources)
	for _, name := range sortedKeys(d.Context) {
		src, loc := d.Context[name], "context."+name
		v.check(identPattern.MatchString(name), loc, nil, "the name must be letters, digits and '_', not beginning with a digit, so that expressions can use it")
		set := 0
		for _, is := range []bool{src.Static != nil, src.File != "", src.HTTP != nil, src.LastRun != nil, src.Tasks != nil} {
			if is {
				set++
			}
		}
		v.check(set == 1 || v.unread.In(loc), loc, nil, "must have exactly one of static, file, http, last_run, tasks; it has %d", set)
		if h := src.HTTP; h != nil {
			v.http(h, loc+".http")
		}
		if src.File != "" {
			v.check(!strings.HasPrefix(src.File, "/") && !strings.Contains("/"+src.File+"/", "/../"), loc+".file", src.File, "must be a path below the context folder, without '..'")
		}
		if t := src.Tasks; t != nil {
			v.check(t.Limit >= 0 && t.Limit <= 10_000, loc+".tasks.limit", t.Limit, "must be between 1 and 10000")
			for i, s := range t.Status {
				v.check(oneOf(s, TaskStatuses()), fmt.Sprintf("%s.tasks.status[%d]", loc, i), string(s), "must be open, in_progress, done or canceled")
			}
		}
		if l := src.LastRun; l != nil {
			for i, s := range l.Status {
				v.check(s.Final(), fmt.Sprintf("%s.last_run.status[%d]", loc, i), string(s), "must be succeeded, partial, failed or canceled")
			}
		}
	}
}

func (v *validator) http(h *HTTPSource, loc string) {
	v.check(strings.HasPrefix(h.URL, "http://") || strings.HasPrefix(h.URL, "https://"), loc+".url", h.URL, "must be an http:// or https:// URL")
	v.within(h.Timeout, 0, Duration(5*time.Minute), loc+".timeout")
	v.check(h.MaxBytes >= 0 && h.MaxBytes <= 64<<20, loc+".max_bytes", h.MaxBytes, "must be between 1 and 67108864 (64 MiB)")
	v.expression(h.Select, loc+".select")
	for _, k := range sortedKeys(h.Headers) {
		v.check(!strings.ContainsAny(k+h.Headers[k], "\r\n"), loc+".headers."+k, nil, "may not contain line breaks")
	}
	if p := h.Paging; p != nil {
		partly := v.unread.In(loc + ".paging")
		v.check(p.Link != (p.Cursor != "") || partly, loc+".paging", nil, "needs either link: true, or cursor and param")
		v.check((p.Cursor == "") == (p.Param == "") || partly, loc+".paging.param", p.Param, "cursor and param go together: the cursor found is sent as the query parameter param")
		v.check(p.MaxPages >= 0 && p.MaxPages <= 1000, loc+".paging.max_pages", p.MaxPages, "must be between 1 and 1000")
		v.expression(p.Cursor, loc+".paging.cursor")
	}
}

func (v *validator) rules(d *Definition) {
	v.check(len(d.Rules) > 0, "rules", nil, "at least one rule is required")
	v.check(len(d.Rules) <= MaxRules, "rules", len(d.Rules), "at most %d rules are allowed", MaxRules)
	seen := map[string]int{}
	for i := range d.Rules {
		r, loc := &d.Rules[i], fmt.Sprintf("rules[%d]", i)
		switch {
		case r.Name == "":
			v.add(loc+".name", nil, "is required: it is part of the idempotency key of every action")
		case len(r.Name) > maxNameLength || !namePattern.MatchString(r.Name):
			v.add(loc+".name", r.Name, "may hold up to %d lower-case letters, digits, '-', '_' and '.', and begins and ends with a letter or digit", maxNameLength)
		default:
			if first, dup := seen[r.Name]; dup {
				v.add(loc+".name", r.Name, "is the name of rules[%d] too; names are unique within a definition", first)
			}
			seen[r.Name] = i
		}
		v.expression(r.When, loc+".when")
		v.expression(r.ForEach, loc+".for_each")
		v.expression(r.ItemKey, loc+".item_key")
		if r.As != "" {
			v.check(identPattern.MatchString(r.As), loc+".as", r.As, "must be letters, digits and '_', not beginning with a digit")
			v.check(!oneOf(r.As, ScopeNames()), loc+".as", r.As, "would hide %q, which every expression can use; choose another name", r.As)
		}
		if r.ForEach == "" && !v.unread.Covers(loc+".for_each") {
			v.check(r.As == "", loc+".as", r.As, "needs for_each")
			v.check(r.ItemKey == "", loc+".item_key", r.ItemKey, "needs for_each")
			v.check(r.MaxItems == 0, loc+".max_items", r.MaxItems, "needs for_each")
		}
		v.check(r.MaxItems >= 0 && r.MaxItems <= MaxMaxItems, loc+".max_items", r.MaxItems, "must be between 1 and %d", MaxMaxItems)
		v.check(len(r.Actions) > 0, loc+".actions", nil, "at least one action is required")
		v.check(len(r.Actions) <= MaxActionsPerRule, loc+".actions", len(r.Actions), "at most %d actions are allowed", MaxActionsPerRule)
		v.actions(r, loc)
	}
}

func (v *validator) actions(r *Rule, ruleLoc string) {
	seen := map[string]int{}
	for j := range r.Actions {
		a, loc := &r.Actions[j], fmt.Sprintf("%s.actions[%d]", ruleLoc, j)
		if !oneOf(a.Type, ActionTypes()) {
			names := make([]string, 0, len(ActionTypes()))
			for _, t := range ActionTypes() {
				names = append(names, string(t))
			}
			v.add(loc+".type", string(a.Type), "must be one of %s%s", strings.Join(names, ", "), hint(string(a.Type), names))
		}
		if a.Name != "" {
			v.check(identPattern.MatchString(a.Name), loc+".name", a.Name, "must be letters, digits and '_', so that steps.<name> can be written")
			if first, dup := seen[a.Name]; dup {
				v.add(loc+".name", a.Name, "is the name of actions[%d] too", first)
			}
			seen[a.Name] = j
		}
		v.within(a.Timeout, 0, Duration(time.Hour), loc+".timeout")
		switch a.OnError {
		case "", OnErrorStop, OnErrorContinue:
		default:
			v.add(loc+".on_error", string(a.OnError), "must be stop or continue")
		}
		if p := a.Retry; p != nil {
			v.check(p.MaxAttempts >= 0 && p.MaxAttempts <= 100, loc+".retry.max_attempts", p.MaxAttempts, "must be between 1 and 100")
			v.within(p.InitialInterval, 0, Duration(time.Hour), loc+".retry.initial_interval")
			v.within(p.MaximumInterval, 0, Duration(24*time.Hour), loc+".retry.maximum_interval")
			v.check(p.BackoffCoefficient == 0 || p.BackoffCoefficient >= 1 && p.BackoffCoefficient <= 10, loc+".retry.backoff_coefficient", p.BackoffCoefficient, "must be between 1 and 10")
		}
	}
}

func (v *validator) expression(s, loc string) {
	v.check(len(s) <= MaxExpressionBytes, loc, nil, "has %d bytes, at most %d are allowed", len(s), MaxExpressionBytes)
}

func hint(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return fmt.Sprintf("; did you mean %q?", s)
	}
	return ""
}

func oneOf[T comparable](v T, all []T) bool {
	for _, a := range all {
		if a == v {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
