package temporalrun

import (
	"context"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// maxPrograms bounds the compiled definitions kept in memory.
const maxPrograms = 512

// programKey names a version of a definition: its document never changes.
type programKey struct {
	id      string
	version int64
}

// program loads and compiles a version of a definition, or takes it from memory.
func (a *activities) program(ctx context.Context, id string, version int64) (*program, error) {
	if prog, ok := a.programs.Get(programKey{id, version}); ok {
		return prog, nil
	}
	def, err := a.record.DefinitionVersion(ctx, id, version)
	if err != nil {
		return nil, err
	}
	prog, err := compile(def)
	if err != nil {
		return nil, fmt.Errorf("version %d of definition %q: %w", version, def.Name, err)
	}
	a.programs.Add(programKey{prog.def.ID, prog.def.Version}, prog)
	return prog, nil
}

// overNetwork reports whether fetching the definition's context needs the network.
func overNetwork(def *core.Definition) bool {
	for _, s := range def.Context {
		if s.HTTP != nil {
			return true
		}
	}
	return false
}
