package catalog

import (
	"context"
	"errors"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// Get finds a live definition by ID or name.
func (s *Service) Get(ctx context.Context, ref string) (core.StoredDefinition, error) {
	return s.Store.Definition(ctx, ref)
}

// maxSuggested is how many names are searched for one that was meant.
const maxSuggested = 10_000

// ID finds the ID of the definition that an ID or name means as a filter of the record: also
// that of a deleted one, which keeps its runs, tasks and ledger. A name or ID that no
// definition has or had is CodeInvalid of the field, with the nearest name.
func (s *Service) ID(ctx context.Context, field, ref string) (string, error) {
	id, err := s.Store.DefinitionID(ctx, ref)
	if !core.IsCode(err, core.CodeNotFound) {
		return id, err
	}
	if core.IsUUID(ref) {
		return "", core.InvalidField(field, ref, "no definition has or had this ID")
	}
	message := fmt.Sprintf("no definition has or had the name %q", ref)
	names, err := s.Store.DefinitionNames(ctx, maxSuggested)
	if err != nil {
		return "", err
	}
	if near := core.Suggest(ref, names); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return "", core.InvalidField(field, ref, "%s", message)
}

// List lists live definitions by name.
func (s *Service) List(ctx context.Context, f core.DefinitionFilter, p core.PageRequest) (core.Page[core.StoredDefinition], error) {
	return s.Store.Definitions(ctx, f, p)
}

// Versions lists a definition's versions, newest first.
func (s *Service) Versions(ctx context.Context, ref string, p core.PageRequest) (core.Page[core.StoredDefinition], error) {
	d, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return core.Page[core.StoredDefinition]{}, err
	}
	return s.Store.Versions(ctx, d.ID, p)
}

// Create saves a new definition. A live definition with the same name or ID is
// CodeConflict, a fault in the document CodeInvalid; nothing is saved then.
func (s *Service) Create(ctx context.Context, def core.Definition, by core.Actor) (Saved, error) {
	def.Normalize()
	if err := Check(&def); err != nil {
		return Saved{}, err
	}
	if err := s.mayStart(&def); err != nil {
		return Saved{}, err
	}
	return s.change(ctx, core.DefinitionChange{Definition: def}, by)
}

// Update replaces the document of a definition. expect is the version the caller saw, or
// [core.AnyVersion]; another current version is CodePreconditionFailed. Name and ID stay.
func (s *Service) Update(ctx context.Context, ref string, def core.Definition, expect int64, by core.Actor) (Saved, error) {
	current, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return Saved{}, err
	}
	if def.Name == "" {
		def.Name = current.Name
	}
	if def.Name != current.Name {
		return Saved{}, core.InvalidField("name", def.Name, "a definition cannot be renamed from %q; create a new one and delete this", current.Name)
	}
	if def.ID == "" || def.ID == core.DefinitionID(def.Name) {
		def.ID = current.ID // Normalize may have derived it from the name
	}
	if def.ID != current.ID {
		return Saved{}, core.InvalidField("id", def.ID, "the definition's id is %s and cannot change", current.ID)
	}
	def.Normalize()
	if err := Check(&def); err != nil {
		return Saved{}, err
	}
	if err := s.mayStart(&def); err != nil {
		return Saved{}, err
	}
	return s.change(ctx, core.DefinitionChange{Definition: def, ExpectVersion: orCurrent(expect, current.Version)}, by)
}

// orCurrent pins a caller that does not care to what was read, so that the
// write cannot revive a definition deleted in between.
func orCurrent(expect, current int64) int64 {
	if expect == core.AnyVersion {
		return current
	}
	return expect
}

// Delete removes a definition; its runs, tasks and ledger stay.
func (s *Service) Delete(ctx context.Context, ref string, expect int64, by core.Actor) error {
	current, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, core.DefinitionChange{
		Delete: true, Definition: core.Definition{ID: current.ID, Name: current.Name}, ExpectVersion: orCurrent(expect, current.Version),
	}, by)
	return err
}

func (s *Service) change(ctx context.Context, c core.DefinitionChange, by core.Actor) (Saved, error) {
	stored, err := s.Store.ApplyChanges(ctx, []core.DefinitionChange{c}, by, s.now())
	if err != nil {
		return Saved{}, err
	}
	return s.follow(stored[0])[0], nil
}

// Pause holds a definition until Resume: it fires for nothing meanwhile, and
// what passes is recorded as paused, not missed. Pausing again keeps the first pause.
func (s *Service) Pause(ctx context.Context, ref, reason string, by core.Actor) (Saved, error) {
	if len(reason) > 500 {
		return Saved{}, core.InvalidField("reason", nil, "has %d bytes, at most 500 are allowed", len(reason))
	}
	now := s.now()
	return s.setPaused(ctx, ref, &core.Pause{By: string(by), Reason: reason, At: now}, by)
}

// Resume ends a pause; resuming what is not paused is no error.
func (s *Service) Resume(ctx context.Context, ref string, by core.Actor) (Saved, error) {
	return s.setPaused(ctx, ref, nil, by)
}

func (s *Service) setPaused(ctx context.Context, ref string, p *core.Pause, by core.Actor) (Saved, error) {
	current, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return Saved{}, err
	}
	stored, err := s.Store.SetPaused(ctx, current.ID, p, by, s.now())
	if err != nil {
		return Saved{}, err
	}
	return s.follow(stored)[0], nil
}

// find returns the live definition, or nil if there is none.
func (s *Service) find(ctx context.Context, ref string) (*core.StoredDefinition, error) {
	d, err := s.Store.Definition(ctx, ref)
	var e *core.Error
	if errors.As(err, &e) && e.Code == core.CodeNotFound {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}
