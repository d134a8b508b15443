package activitycore

import (
	"encoding/json"
	"time"
)

// The fixed head of every definition document.
const (
	APIVersion = "activity-core/v1"
	Kind       = "ActivityDefinition"
)

// TriggerType says what makes a definition fire.
type TriggerType string

// The trigger types.
const (
	TriggerCron  TriggerType = "cron"
	TriggerEvent TriggerType = "event"
)

// MisfirePolicy says what becomes of nominal times that passed during an outage. What each
// promises is a row of the table in internal/misfire.
type MisfirePolicy string

// The misfire policies. An absent policy means [MisfireSkip].
const (
	MisfireSkip     MisfirePolicy = "skip"     // none is made up
	MisfireCatchup  MisfirePolicy = "catchup"  // each is made up once, oldest first
	MisfireCompress MisfirePolicy = "compress" // exactly one is made up: the latest
)

// Defaults and bounds of trigger_config.
const (
	DefaultTimezone      = "UTC"
	DefaultMisfirePolicy = MisfireSkip
	// DefaultCatchupWindow is how far back a missed firing is still wanted.
	DefaultCatchupWindow = Duration(72 * time.Hour)
	// MaxCatchupWindow is the longest that may be wanted.
	MaxCatchupWindow = Duration(365 * 24 * time.Hour)
	// DefaultMisfireGrace is how late a slot inside a recorded outage may still
	// start without counting as missed.
	DefaultMisfireGrace = Duration(60 * time.Second)
	// MaxMisfireGrace bounds misfire_grace.
	MaxMisfireGrace = Duration(24 * time.Hour)
)

// Definition is the document a user writes: a trigger, the context it needs,
// and rules that turn one firing into actions. Its JSON form is the body of the API and is
// what the stores keep. See docs/definitions.md.
type Definition struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// ID is a UUID; if the document names none it is [DefinitionID] of Name.
	ID string `json:"id,omitempty"`
	// Name is unique among live definitions: lower-case letters, digits, '-',
	// '_' and '.', 1 to 100 characters.
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Enabled defaults to true. Time while a definition is disabled is not missed.
	Enabled       bool                     `json:"enabled"`
	TriggerType   TriggerType              `json:"trigger_type"`
	TriggerConfig TriggerConfig            `json:"trigger_config"`
	Context       map[string]ContextSource `json:"context,omitempty"`
	Vars          map[string]any           `json:"vars,omitempty"`
	Rules         []Rule                   `json:"rules"`
}

// TriggerConfig holds the fields of both trigger types; Validate refuses those
// of the other type.
type TriggerConfig struct {
	// CronExpression: one or several expressions, 5 fields each or @hourly … @yearly. Cron only.
	CronExpression StringList `json:"cron_expression,omitempty"`
	// Timezone is an IANA name; default UTC. Cron only.
	Timezone string `json:"timezone,omitempty"`
	// MisfirePolicy, default skip. Cron only.
	MisfirePolicy MisfirePolicy `json:"misfire_policy,omitempty"`
	// CatchupWindow is how far back a missed firing is still wanted, 10 s to 365 d, default 72h.
	// Cron only.
	CatchupWindow Duration `json:"catchup_window,omitempty"`
	// MisfireGrace is how late a slot inside an outage may start and still count as on time, at
	// most 24 h, default 60s. Cron only. Zero is "not given": a document that says 0s is refused.
	MisfireGrace Duration `json:"misfire_grace,omitempty"`
	// Jitter spreads starts over this time after the nominal one, 0 to 1 h. Cron only.
	Jitter Duration `json:"jitter,omitempty"`

	// EventType is one or several exact event types. Event only.
	EventType StringList `json:"event_type,omitempty"`
	// Filters are EventBridge patterns on the payload; every key must match. Numbers in it are
	// [json.Number] where it was read. Event only.
	Filters map[string]any `json:"filters,omitempty"`
	// When is a CEL condition evaluated after the filters, in scope: event, payload, vars. Event
	// only.
	When string `json:"when,omitempty"`
	// AllowCycles lets an event start a run that a run of this definition caused, directly or
	// through others, up to MaxHops. Event only.
	AllowCycles bool `json:"allow_cycles,omitempty"`
}

// ContextSource names where one entry of `context` comes from. Exactly one
// field is set.
type ContextSource struct {
	// Static is the value itself.
	Static any `json:"static,omitempty"`
	// File is a path below the operator's context folder; its suffix (.json, .yaml, .yml, .csv,
	// .txt) gives the format.
	File string `json:"file,omitempty"`
	// HTTP fetches a JSON document.
	HTTP *HTTPSource `json:"http,omitempty"`
	// LastRun gives the latest finished run of this definition, or null.
	LastRun *LastRunSource `json:"last_run,omitempty"`
	// Tasks lists tasks of this definition.
	Tasks *TasksSource `json:"tasks,omitempty"`
}

// HTTPSource is a GET of a JSON document, followed through its pages.
type HTTPSource struct {
	URL string `json:"url"`
	// Headers are sent as they are; a value may not be a secret.
	Headers map[string]string `json:"headers,omitempty"`
	// SecretHeader maps a header's name to a secret's name.
	SecretHeader map[string]string `json:"secret_header,omitempty"`
	// Select is a CEL expression over `body` whose value becomes the context entry.
	Select string `json:"select,omitempty"`
	// Paging follows pages and concatenates their lists.
	Paging *Paging `json:"paging,omitempty"`
	// Timeout for each request, default 10s, at most 5m.
	Timeout Duration `json:"timeout,omitempty"`
	// MaxBytes over all pages, default 10 MiB, at most 64 MiB.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// Paging says how to find the next page: by the Link header (rel="next"), or
// by a cursor found by a CEL expression over `body` and sent as a query parameter.
type Paging struct {
	Link     bool   `json:"link,omitempty"`
	Cursor   string `json:"cursor,omitempty"`
	Param    string `json:"param,omitempty"`
	MaxPages int    `json:"max_pages,omitempty"`
}

// LastRunSource selects the previous run whose result is wanted.
type LastRunSource struct {
	// Status restricts to runs that ended so; default: any finished status.
	Status []RunStatus `json:"status,omitempty"`
}

// TasksSource selects tasks of this definition.
type TasksSource struct {
	// Status restricts to these; default: open and in_progress.
	Status []TaskStatus `json:"status,omitempty"`
	// Limit, default 1,000, at most 10,000.
	Limit int `json:"limit,omitempty"`
}

// Rule turns one firing into actions, once or for each item of a list.
type Rule struct {
	Name string `json:"name"`
	// When is CEL and must be bool; default true.
	When string `json:"when,omitempty"`
	// ForEach is CEL and must give a list; absent: the rule runs once.
	ForEach string `json:"for_each,omitempty"`
	// As names the loop variable; default "item".
	As string `json:"as,omitempty"`
	// ItemKey is CEL and identifies an item; unique within the rule; default the item's index.
	ItemKey string `json:"item_key,omitempty"`
	// MaxItems refuses a firing with more items; default 10,000.
	MaxItems int      `json:"max_items,omitempty"`
	Actions  []Action `json:"actions"`
}

// StringList is written as one string or as a list of strings.
type StringList []string

// MarshalJSON writes a single element as a plain string.
func (l StringList) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// UnmarshalJSON reads a string or a list of strings.
func (l *StringList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = StringList{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*l = many
	return nil
}

// Pause is an operator's hold on a definition, kept outside document, version
// and ETag. Only resume clears it.
type Pause struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// StoredDefinition is a definition as the record holds it.
type StoredDefinition struct {
	Definition
	// Version counts the document's versions from 1; it is the ETag.
	Version int64
	// Revision is the catalogue's revision at which this row last changed (documents, pauses and
	// deletions alike).
	Revision int64
	// Followed is the revision up to which the schedule in Temporal is known to follow this row.
	Followed  int64
	CreatedAt time.Time
	UpdatedAt time.Time
	// UpdatedBy made the last change of the document, or of this version of it.
	UpdatedBy Actor
	// DeletedAt is nil for a live definition; a deleted one stays as a tombstone until its schedule
	// is gone.
	DeletedAt *time.Time
	// Paused is nil while the definition is not paused.
	Paused *Pause
}

// SchedulePending reports whether the schedule in Temporal has still to follow the row.
func (s *StoredDefinition) SchedulePending() bool { return s.Followed < s.Revision }

// Live reports whether the definition is not deleted.
func (s *StoredDefinition) Live() bool { return s.DeletedAt == nil }

// Effective reports whether the definition fires: live ∧ enabled ∧ ¬paused.
func (s *StoredDefinition) Effective() bool { return s.Live() && s.Enabled && s.Paused == nil }
