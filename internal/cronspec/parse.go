package cronspec

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// MaxExpressions is the largest number of expressions in one Spec, MaxExpressionLen the longest
// one in bytes: more than a person writes, little enough that a hostile definition costs
// nothing.
const (
	MaxExpressions   = core.MaxCronExpressions
	MaxExpressionLen = 512
)

// Parse reads a list of cron expressions in one IANA zone; an empty zone means UTC. Expressions
// that mean the same are kept once. Every error is a [*ParseError]. The zone is that of the
// zone data that this process goes by.
func Parse(expressions []string, zone string) (*Spec, error) {
	return shared.Parse(expressions, zone)
}

// ParseWith is [Parse] with the rules of the zone as they were at another time: its file in the
// format of RFC 9636.
func ParseWith(expressions []string, zone string, rules []byte) (*Spec, error) {
	loc, err := time.LoadLocationFromTZData(zone, rules)
	if err != nil {
		return nil, &ParseError{Field: FieldZone, Value: zone, Reason: fmt.Sprintf("has rules that cannot be read: %v", err)}
	}
	return parseIn(expressions, &zoneRules{name: zone, loc: loc, file: rules})
}

var shared Parser

// Parser reads specs that share the zones they name, so that ten thousand definitions load a
// zone once. The zero value is ready; it is safe for concurrent use.
type Parser struct {
	// Release is where zones are read; nil is the zone data that this process goes by at the time
	// of each call.
	Release *zonedata.Release

	mu    sync.Mutex
	of    *zonedata.Release // of which zones are
	zones map[string]*zoneRules
}

func (p *Parser) zone(name string) (*zoneRules, error) {
	release := p.Release
	if release == nil {
		release = zonedata.Current()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of != release {
		p.of, p.zones = release, make(map[string]*zoneRules)
	}
	if z, ok := p.zones[name]; ok {
		return z, nil
	}
	z, err := rulesOf(release, name)
	if err != nil {
		return nil, err
	}
	p.zones[name] = z
	return z, nil
}

// Parse is [Parse] with the Parser's zones.
func (p *Parser) Parse(expressions []string, zone string) (*Spec, error) {
	if len(expressions) == 0 {
		return nil, &ParseError{Field: FieldExpression, Reason: "there is none", Hint: exampleHint}
	}
	if len(expressions) > MaxExpressions {
		return nil, &ParseError{Field: FieldExpression, Value: fmt.Sprintf("%d expressions", len(expressions)),
			Reason: fmt.Sprintf("at most %d are allowed", MaxExpressions), Hint: "split them over several definitions"}
	}
	rules, err := p.zone(zone)
	if err != nil {
		return nil, err
	}
	return parseIn(expressions, rules)
}

func parseIn(expressions []string, rules *zoneRules) (*Spec, error) {
	s := &Spec{loc: rules.loc, rules: rules}
	seen := make(map[string]bool, len(expressions))
	for _, text := range expressions {
		e, err := parseExpression(text)
		if err != nil {
			return nil, withRemedy(err, rules.name)
		}
		if key := e.String(); !seen[key] {
			seen[key] = true
			s.entries = append(s.entries, e)
		}
	}
	s.sortEntries()
	return s, nil
}

// withRemedy adds to a refusal what to write instead in that zone. It stands in the hint where
// no single field has one to offer.
func withRemedy(err error, zone string) error {
	var refusal *ParseError
	if !errors.As(err, &refusal) || len(refusal.Expression) > MaxExpressionLen {
		return err
	}
	t := translator{zone}
	r := t.translate(refusal.Expression)
	if r == nil {
		if both := t.ambiguous(strings.Fields(refusal.Expression)); both != "" {
			refusal.Hint = both
		}
		return err
	}
	refusal.Remedy, refusal.Hint = r, r.String()
	return refusal
}

// macros are the named expressions of Vixie cron. @reboot is refused: there is no boot to wait for.
func macro(name string) (expansion string, ok bool) {
	switch name {
	case "@hourly":
		return "0 * * * *", true
	case "@daily", "@midnight":
		return "0 0 * * *", true
	case "@weekly":
		return "0 0 * * 0", true
	case "@monthly":
		return "0 0 1 * *", true
	case "@yearly", "@annually":
		return "0 0 1 1 *", true
	}
	return "", false
}

func parseExpression(text string) (*entry, error) {
	refuse := func(field Field, value, reason, hint string) error {
		return &ParseError{Expression: text, Field: field, Value: value, Reason: reason, Hint: hint}
	}
	if len(text) > MaxExpressionLen {
		return nil, &ParseError{Expression: text[:40] + "…", Field: FieldExpression, Value: fmt.Sprintf("%d bytes", len(text)),
			Reason: fmt.Sprintf("is longer than %d bytes", MaxExpressionLen), Hint: "use ranges and steps, or several expressions"}
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, refuse(FieldExpression, text, "is empty", exampleHint)
	}
	switch first := words[0]; {
	case strings.HasPrefix(strings.ToUpper(first), "TZ=") || strings.HasPrefix(strings.ToUpper(first), "CRON_TZ="):
		hint := "remove it and set timezone beside the expression"
		if _, zone, _ := strings.Cut(first, "="); zone != "" {
			hint = "remove it and set timezone: " + zone
		}
		return nil, refuse(FieldExpression, first, "a zone cannot be set inside the expression", hint)
	case strings.HasPrefix(first, "@"):
		expansion, ok := macro(strings.ToLower(first))
		if ok && len(words) == 1 {
			words = strings.Fields(expansion)
			break
		}
		return nil, refuseMacro(refuse, text, first)
	}
	if len(words) != 5 {
		return nil, refuse(FieldExpression, text, fmt.Sprintf("has %d fields instead of 5 (minute hour day-of-month month day-of-week)", len(words)),
			exampleHint)
	}
	e := &entry{}
	for i, part := range []struct {
		rule fieldRule
		set  *valueSet
	}{{minuteRule, &e.minute}, {hourRule, &e.hour}, {dayOfMonthRule, &e.dom}, {monthRule, &e.month}, {dayOfWeekRule, &e.dow}} {
		set, f := part.rule.parse(words[i])
		if f != nil {
			return nil, refuse(part.rule.field, f.value, f.reason, f.hint)
		}
		*part.set = set
	}
	if reason, hint := e.impossible(); reason != "" {
		return nil, refuse(FieldDayOfMonth, words[2], reason, hint)
	}
	e.normalize()
	return e, nil
}

func refuseMacro(refuse func(Field, string, string, string) error, text, first string) error {
	const known = "@hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"
	switch strings.ToLower(first) {
	case "@every":
		return refuse(FieldExpression, text, "@every is not supported: it counts from an arbitrary moment and ignores the zone",
			`write an expression such as "*/10 * * * *" (every 10 minutes) or "0 */6 * * *" (every 6 hours)`)
	case "@reboot":
		return refuse(FieldExpression, text, "@reboot is not supported: a schedule outlives every restart",
			"write when it should run, or use an event trigger")
	}
	if _, ok := macro(strings.ToLower(first)); ok {
		return refuse(FieldExpression, text, first+" stands alone", "remove what follows it")
	}
	return refuse(FieldExpression, first, "is not a known name", "write "+known+", or five fields")
}
