package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"time"

	core "github.com/activity-core/activity-core"
)

// ChangeKind is what applying would do to one definition.
type ChangeKind string

// The kinds of change.
const (
	ChangeCreate ChangeKind = "create"
	ChangeUpdate ChangeKind = "update"
	ChangeDelete ChangeKind = "delete"
	ChangeNone   ChangeKind = "unchanged"
)

// FieldChange is one field that differs between the record and the document.
type FieldChange struct {
	Path   string `json:"path"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// UnmarshalJSON keeps numbers as they are written: a change is read to be shown.
func (c *FieldChange) UnmarshalJSON(data []byte) error {
	type plain FieldChange // without methods
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode((*plain)(c))
}

// Change is what applying would do to one definition.
type Change struct {
	Name   string        `json:"name"`
	ID     string        `json:"id"`
	Change ChangeKind    `json:"change"`
	Fields []FieldChange `json:"fields,omitempty"`
	// Next fire of a cron definition before and after the change; none where it is held then.
	NextBefore *time.Time `json:"next_before,omitempty"`
	NextAfter  *time.Time `json:"next_after,omitempty"`
	// Held says why it does not fire after the change (paused, disabled), and WouldFire when it
	// would otherwise.
	Held      string     `json:"held,omitempty"`
	WouldFire *time.Time `json:"would_fire,omitempty"`
	// Version after applying; before it, the current one.
	Version int64 `json:"version,omitempty"`
	// SchedulePending: see [Saved]. Set by Apply only.
	SchedulePending bool `json:"schedule_pending,omitempty"`
}

func (c *Change) foresee(o Outlook) {
	c.NextAfter, c.Held, c.WouldFire = o.NextFire, o.Held, o.WouldFire
}

// Changeset is the difference between a set of documents and the record, by name.
type Changeset struct {
	Changes []Change `json:"changes"`
	// Applied is true in the answer of Apply.
	Applied bool `json:"applied"`
	// SchedulesPending is how many schedules in Temporal have still to follow what was applied.
	SchedulesPending int `json:"schedules_pending"`
	// Revision is that of the catalogue at which the changes were made; 0 if there was nothing to
	// change.
	Revision int64 `json:"revision,omitempty"`
	// Warnings are about what the documents say and hardly mean; the API adds them.
	Warnings []core.Warning `json:"warnings,omitempty"`
}

// Pending counts the changes that are not ChangeNone.
func (c Changeset) Pending() int {
	n := 0
	for _, change := range c.Changes {
		if change.Change != ChangeNone {
			n++
		}
	}
	return n
}

// MaxApply is the most definitions one plan or apply may hold.
const MaxApply = 10_000

// Batch is what one plan or apply is about.
type Batch struct {
	Definitions []core.Definition
	// Prune adds the deletion of every live definition that is not among them.
	Prune bool
	// Checked says that each definition has passed [Check] when it was read; it is not repeated
	// then.
	Checked bool
}

// TooMany is the error about a batch of more than [MaxApply] definitions.
func TooMany() error {
	return core.Errorf(core.CodeTooLarge, "more than %d definitions at once are not allowed; send them in parts, without prune", MaxApply)
}

// Plan compares documents with the record. Nothing is stored.
func (s *Service) Plan(ctx context.Context, b Batch) (Changeset, error) {
	planned, _, err := s.changeset(ctx, b)
	return planned, err
}

// Apply makes the record equal the documents: all changes or none. Schedules follow in the
// background.
func (s *Service) Apply(ctx context.Context, b Batch, by core.Actor) (Changeset, error) {
	result, changes, err := s.changeset(ctx, b)
	if err != nil || len(changes) == 0 {
		result.Applied = err == nil
		return result, err
	}
	stored, err := s.Store.ApplyChanges(ctx, changes, by, s.now())
	if err != nil {
		return Changeset{}, err
	}
	byID := make(map[string]*Change, len(result.Changes))
	for i := range result.Changes {
		byID[result.Changes[i].ID] = &result.Changes[i]
	}
	for _, d := range s.follow(stored...) {
		c := byID[d.ID]
		c.Version, c.SchedulePending = d.Version, d.SchedulePending
		result.Revision = max(result.Revision, d.Revision)
		if d.SchedulePending {
			result.SchedulesPending++
		}
	}
	result.Applied = true
	return result, nil
}

func (s *Service) changeset(ctx context.Context, b Batch) (Changeset, []core.DefinitionChange, error) {
	if len(b.Definitions) > MaxApply {
		return Changeset{}, nil, TooMany()
	}
	if err := b.check(ctx); err != nil {
		return Changeset{}, nil, err
	}
	if err := s.mayStartAll(b.Definitions); err != nil {
		return Changeset{}, nil, err
	}
	live, err := s.current(ctx, b.Definitions)
	if err != nil {
		return Changeset{}, nil, err
	}
	var result Changeset
	var changes []core.DefinitionChange
	named := make(map[string]bool, len(b.Definitions))
	now := s.now()
	for _, def := range b.Definitions {
		if err := ctx.Err(); err != nil {
			return Changeset{}, nil, err
		}
		named[def.Name] = true
		current := live[def.Name]
		pc := Change{Name: def.Name, ID: def.ID, Change: ChangeCreate}
		pc.foresee(outlook(&def, nil, now))
		change := core.DefinitionChange{Definition: def}
		if current != nil {
			if def.ID == core.DefinitionID(def.Name) {
				def.ID = current.ID
			}
			if def.ID != current.ID {
				return Changeset{}, nil, core.InvalidField("id", def.ID, "definition %s has id %s, which cannot change", def.Name, current.ID)
			}
			change.Definition, change.ExpectVersion = def, current.Version
			pc.ID, pc.Version, pc.Change = current.ID, current.Version, ChangeUpdate
			pc.Fields = diffDefinitions(current.Definition, def)
			pc.NextBefore = OutlookOf(*current, now).NextFire
			pc.foresee(outlook(&def, current.Paused, now))
			if len(pc.Fields) == 0 {
				pc.Change = ChangeNone
			}
		}
		result.Changes = append(result.Changes, pc)
		if pc.Change != ChangeNone {
			changes = append(changes, change)
		}
	}
	if b.Prune {
		if err := s.addPruned(ctx, named, &result, &changes); err != nil {
			return Changeset{}, nil, err
		}
	}
	sort.SliceStable(result.Changes, func(i, j int) bool { return result.Changes[i].Name < result.Changes[j].Name })
	return result, changes, nil
}

// current finds the live definitions that have the names of others.
func (s *Service) current(ctx context.Context, defs []core.Definition) (map[string]*core.StoredDefinition, error) {
	names := make([]string, len(defs))
	for i := range defs {
		names[i] = defs[i].Name
	}
	found, err := s.Store.DefinitionsNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	live := make(map[string]*core.StoredDefinition, len(found))
	for i := range found {
		live[found[i].Name] = &found[i]
	}
	return live, nil
}

// check judges the definitions, unless that was done, and that their names and IDs differ.
func (b Batch) check(ctx context.Context) error {
	var faults []core.FieldError
	byName, byID := map[string]int{}, map[string]int{}
	for i := range b.Definitions {
		if err := ctx.Err(); err != nil {
			return err
		}
		def := &b.Definitions[i]
		def.Normalize()
		at := fmt.Sprintf("definitions[%d]", i)
		if !b.Checked {
			if err := Check(def); err != nil {
				if !core.IsCode(err, core.CodeInvalid) {
					return err
				}
				for _, f := range fieldsOf(err) {
					f.Location = at + "." + f.Location
					faults = append(faults, f)
				}
			}
		}
		if first, dup := byName[def.Name]; dup && def.Name != "" {
			faults = append(faults, core.FieldError{Location: at + ".name", Value: def.Name, Message: fmt.Sprintf("is the name of definitions[%d] too; names are unique", first)})
		} else if first, dup := byID[def.ID]; dup && def.ID != "" {
			faults = append(faults, core.FieldError{Location: at + ".id", Value: def.ID, Message: fmt.Sprintf("is the id of definitions[%d] too", first)})
		}
		byName[def.Name], byID[def.ID] = i, i
	}
	if len(faults) == 0 {
		return nil
	}
	return core.InvalidFields("not valid", faults...)
}

func (s *Service) addPruned(ctx context.Context, named map[string]bool, result *Changeset, changes *[]core.DefinitionChange) error {
	req := core.PageRequest{Limit: 1000}
	for {
		page, err := s.Store.Definitions(ctx, core.DefinitionFilter{}, req)
		if err != nil {
			return err
		}
		for _, d := range page.Items {
			if named[d.Name] {
				continue
			}
			result.Changes = append(result.Changes, Change{Name: d.Name, ID: d.ID, Change: ChangeDelete, Version: d.Version, NextBefore: OutlookOf(d, s.now()).NextFire})
			*changes = append(*changes, core.DefinitionChange{Delete: true, Definition: core.Definition{ID: d.ID, Name: d.Name}, ExpectVersion: d.Version})
		}
		if page.NextCursor == "" {
			return nil
		}
		req.Cursor = page.NextCursor
	}
}

// diffDefinitions lists the leaves that differ, in the order of their paths.
func diffDefinitions(before, after core.Definition) []FieldChange {
	var out []FieldChange
	diffValues("", tree(before), tree(after), &out)
	return out
}

func tree(def core.Definition) any {
	text, err := json.Marshal(def)
	if err != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // filters have numbers that no Go type holds
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

func diffValues(path string, a, b any, out *[]FieldChange) {
	if reflect.DeepEqual(a, b) {
		return
	}
	ma, aIsMap := a.(map[string]any)
	mb, bIsMap := b.(map[string]any)
	if aIsMap && bIsMap {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		for _, k := range sortedKeys(keys) {
			at := k
			if path != "" {
				at = path + "." + k
			}
			diffValues(at, ma[k], mb[k], out)
		}
		return
	}
	la, aIsList := a.([]any)
	lb, bIsList := b.([]any)
	if aIsList && bIsList && len(la) == len(lb) {
		for i := range la {
			diffValues(fmt.Sprintf("%s[%d]", path, i), la[i], lb[i], out)
		}
		return
	}
	*out = append(*out, FieldChange{Path: path, Before: a, After: b})
}
