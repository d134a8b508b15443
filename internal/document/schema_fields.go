package document

import (
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// definitionSchema is the schema of a whole definition; the limits are those of Validate.
func definitionSchema() *schema {
	s := object("What fires, what it needs to know, and what is then done.", []string{"name", "trigger_type", "trigger_config", "rules"},
		property{"apiVersion", &schema{Description: "The version of this notation; may be left out.", Const: core.APIVersion}},
		property{"kind", &schema{Description: "May be left out.", Const: core.Kind}},
		matching("id", uuidPattern, 0, "A UUID in lower case; made of the name if left out."),
		property{"name", &schema{Description: "Unique among definitions: lower-case letters, digits, '-', '_' and '.', 1 to 100 characters; no UUID.",
			Type: "string", Pattern: namePattern, MaxLength: 100, Not: &schema{Pattern: uuidPattern}, Examples: []any{"weekly-sbom"}}},
		property{"description", &schema{Description: "What it is for, at most 4 KiB.", Type: "string", MinLength: 1, MaxLength: 4 << 10}},
		property{"enabled", &schema{Description: "Whether it fires; time while it is disabled is not missed.", Type: "boolean", Default: true}},
		choice("trigger_type", "What makes it fire: the clock or an event. Every definition can also be triggered by hand.",
			words([]core.TriggerType{core.TriggerCron, core.TriggerEvent}), nil),
		property{"trigger_config", &schema{Description: "When exactly it fires; the fields depend on trigger_type.", Type: "object"}},
		named("context", "Data that is fetched once a run, before the rules are evaluated; context.<name> in expressions.",
			&schema{Ref: "#/$defs/context_source"}, core.MaxContextSources),
		named("vars", "Constants; vars.<name> in expressions.", nil, 0),
		list("rules", "What is done, in this order.", &schema{Ref: "#/$defs/rule"}, 1, core.MaxRules),
	)
	s.Dialect, s.Title = SchemaDialect, core.Kind
	s.AllOf = []*schema{
		whenIs("trigger_type", string(core.TriggerCron), &schema{Properties: properties{{"trigger_config", &schema{Ref: "#/$defs/cron_trigger"}}}}),
		whenIs("trigger_type", string(core.TriggerEvent), &schema{Properties: properties{{"trigger_config", &schema{Ref: "#/$defs/event_trigger"}}}}),
	}
	s.Defs = append(properties{
		{"cron_trigger", cronTrigger()}, {"event_trigger", eventTrigger()}, {"context_source", contextSource()}, {"http_source", httpSource()},
		{"rule", rule()}, {"action", action()}, {"retry", retry()},
		{"cron_expression", &schema{Type: "string", MinLength: 1, Description: "Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly."}},
		{"event_type", &schema{Type: "string", Pattern: eventTypePattern, MaxLength: 200, Description: "Letters, digits and ._-:/@+=~."}},
		{"duration", durationSchema()},
	}, withSchemas()...)
	return s
}

// durationSchema: a text with units; YAML's bare 0 is the one number that needs none.
func durationSchema() *schema {
	zero := int64(0)
	return &schema{Type: []string{"string", "integer"}, Pattern: durationPattern, Minimum: &zero, Maximum: &zero,
		Description: "A number and a unit: 30s, 15m, 72h, 7d, 1w; also 1h30m.", Examples: []any{"30s", "15m", "72h", "7d"}}
}

func cronTrigger() *schema {
	return object("A trigger by the clock.", []string{"cron_expression"},
		oneOrMore("cron_expression", "When it fires: one expression of 5 fields or @hourly … @yearly, or a list of at most 50.", "cron_expression", core.MaxCronExpressions, "0 6 * * 1", "@hourly"),
		property{"timezone", &schema{Description: "The IANA name of the zone that the expression is read in.", Type: "string", MinLength: 1, Default: core.DefaultTimezone, Examples: []any{"Europe/Berlin"}}},
		choice("misfire_policy", "What becomes of times that passed during an outage. "+policies(),
			words(misfire.Policies()), core.DefaultMisfirePolicy),
		positive("catchup_window", "How far back a missed firing is still wanted, 10s to 365d.", core.DefaultCatchupWindow.String()),
		positive("misfire_grace", "How late a time inside an outage may start and still count as on time, more than 0s and at most 24h.", core.DefaultMisfireGrace.String()),
		duration("jitter", "Spreads the starts over this time after the nominal one, at most 1h.", "0s"),
	)
}

func eventTrigger() *schema {
	return object("A trigger by an event.", []string{"event_type"},
		oneOrMore("event_type", "The exact type of the event, or a list of at most 100.", "event_type", core.MaxEventTypes, "github.push"),
		property{"filters", &schema{Type: "object", Examples: []any{map[string]any{"repository.full_name": "acme/api"}},
			Description: "EventBridge patterns on the payload; every key, dotted or nested, must match. A value is equality, a list is any of; operators are prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr and $or."}},
		expression("when", "A CEL condition after the filters, over event, payload and vars.", "payload.pusher.name != 'bot'"),
		property{"allow_cycles", &schema{Description: "Whether it also fires for an event that one of its own runs caused, directly or through others.", Type: "boolean", Default: false}},
	)
}

func contextSource() *schema {
	s := object("Where one entry of the context comes from: exactly one of these.", nil,
		property{"static", &schema{Description: "The value itself.", Type: []string{"array", "object", "string", "number", "boolean"}}},
		property{"file", &schema{Description: "A file below the operator's context folder: .json, .yaml, .yml, .csv or .txt.", Type: "string", MinLength: 1,
			Not: &schema{Pattern: `^/|(^|/)\.\.(/|$)`}, Examples: []any{"repos.json"}}},
		ref("http", "http_source", "A JSON document fetched by HTTP GET, through all its pages."),
		property{"last_run", &schema{Description: "The latest finished run of this definition, or null.", Type: []string{"object", "null"}, Additional: false,
			Properties: properties{list("status", "Only runs that ended so; any if left out.", &schema{Type: "string", Enum: words(finalStatuses())}, 0, 0)}}},
		property{"tasks", &schema{Description: "Tasks of this definition.", Type: []string{"object", "null"}, Additional: false,
			Properties: properties{
				list("status", "Only tasks in these states; open and in_progress if left out.", &schema{Type: "string", Enum: words(core.TaskStatuses())}, 0, 0),
				whole("limit", "At most so many.", 1, 10_000, 1_000),
			}}},
	)
	s.MinProperties, s.MaxProperties = 1, 1
	return s
}

func finalStatuses() (out []core.RunStatus) {
	for _, s := range core.RunStatuses() {
		if s.Final() {
			out = append(out, s)
		}
	}
	return out
}

func httpSource() *schema {
	header := func(values *schema) *schema {
		return &schema{Type: "object", PropertyNames: &schema{Pattern: `^[^\r\n]*$`}, Additional: values}
	}
	headers, secrets := header(&schema{Type: "string", Pattern: `^[^\r\n]*$`}), header(&schema{Type: "string"})
	headers.Description = "Request headers, sent as they are; a value may not be a secret."
	secrets.Description, secrets.PropertyNames = "Maps a header to the name of the secret that is its value.", nil
	return object("An HTTP GET of a JSON document.", []string{"url"},
		matching("url", webPattern, 0, "An http:// or https:// URL."),
		property{"headers", headers},
		property{"secret_header", secrets},
		expression("select", "A CEL expression over body whose value becomes the entry.", "body.items"),
		property{"paging", paging()},
		duration("timeout", "For each request, at most 5m.", "10s"),
		whole("max_bytes", "Over all pages, at most 64 MiB.", 1, 64<<20, 10<<20),
	)
}

func paging() *schema {
	s := object("How the next page is found: by the Link header (link: true), or by a cursor.", nil,
		property{"link", &schema{Description: "Follow the Link header with rel=\"next\".", Type: "boolean", Default: false}},
		expression("cursor", "A CEL expression over body that gives the next cursor.", "body.next"),
		text("param", "The query parameter that carries the cursor."),
		whole("max_pages", "At most so many pages.", 1, 1_000, nil),
	)
	s.DependentRequired = map[string][]string{"cursor": {"param"}, "param": {"cursor"}}
	s.OneOf = []*schema{
		{Required: []string{"link"}, Properties: properties{{"link", &schema{Const: true}}}},
		{Required: []string{"cursor"}},
	}
	return s
}

func rule() *schema {
	s := object("Turns one firing into actions, once or for each item of a list.", []string{"name", "actions"},
		matching("name", namePattern, 100, "Unique within the definition; part of every action's idempotency key."),
		expression("when", "A CEL condition; true if left out.", "size(context.repos) > 0"),
		expression("for_each", "A CEL expression that gives a list: the actions are done for each item. The rule runs once if left out.", "context.repos.filter(r, r.active)"),
		property{"as", &schema{Description: "The name of the item in expressions.", Type: "string", Default: "item", Pattern: identPattern, Not: &schema{Enum: core.ScopeNames()}}},
		expression("item_key", "A CEL expression that names an item, unique within the rule; the item's index if left out. Choose what stays the same when the list changes its order.", "repo.full_name"),
		whole("max_items", "A firing with more items is refused.", 1, core.MaxMaxItems, core.DefaultMaxItems),
		list("actions", "What is done, in this order.", &schema{Ref: "#/$defs/action"}, 1, core.MaxActionsPerRule),
	)
	s.DependentRequired = map[string][]string{"as": {"for_each"}, "item_key": {"for_each"}, "max_items": {"for_each"}}
	return s
}

func action() *schema {
	s := object("One thing to do.", []string{"type"},
		choice("type", "What it does.", words(core.ActionTypes()), nil),
		matching("name", identPattern, 0, "Makes its result available to later actions of the same item as steps.<name>."),
		property{"with", &schema{Description: "The parameters of its type; texts may contain ${…}.", Type: "object"}},
		ref("retry", "retry", "How often it is tried, in place of the default."),
		duration("timeout", "For one attempt, at most 1h.", "30s"),
		choice("on_error", "Whether its final failure ends the item's later actions.", words([]core.OnError{core.OnErrorStop, core.OnErrorContinue}), core.OnErrorStop),
	)
	for _, t := range core.ActionTypes() {
		s.AllOf = append(s.AllOf, whenIs("type", string(t), &schema{Required: []string{"with"}, Properties: properties{{"with", &schema{Ref: "#/$defs/" + withName(t)}}}}))
	}
	return s
}

func retry() *schema {
	one, ten := int64(1), int64(10)
	return object("Bounds the attempts of an action.", nil,
		whole("max_attempts", "Attempts in all.", 1, 100, 5),
		duration("initial_interval", "Between the first two attempts, at most 1h.", "1s"),
		property{"backoff_coefficient", &schema{Description: "The interval grows by this factor after each attempt.", Type: "number", Minimum: &one, Maximum: &ten, Default: 2}},
		duration("maximum_interval", "The interval never grows beyond this, at most 24h.", "1m"),
	)
}

// policies says in one sentence what each misfire policy does.
func policies() string {
	var all []string
	for _, p := range misfire.Policies() {
		all = append(all, string(p)+": "+misfire.RuleOf(p).Summary)
	}
	return strings.Join(all, "; ") + "."
}
