package temporalrun

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	activitycore "github.com/activity-core/activity-core"
)

// maxPrograms bounds the compiled definitions kept in memory.
const maxPrograms = 512

// programKey names a version of a definition: its document never changes.
type programKey struct {
	id      string
	version int64
}

// programs keeps the compiled definitions used last.
type programs struct {
	max int
	mu  sync.Mutex
	by  map[programKey]*list.Element
	use list.List // of *program, last used first
}

func newPrograms(limit int) *programs {
	return &programs{max: limit, by: map[programKey]*list.Element{}}
}

func (p *programs) get(k programKey) *program {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.by[k]
	if !ok {
		return nil
	}
	p.use.MoveToFront(e)
	return e.Value.(*program)
}

func (p *programs) put(prog *program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := programKey{prog.def.ID, prog.def.Version}
	if e, ok := p.by[k]; ok {
		e.Value = prog
		return
	}
	p.by[k] = p.use.PushFront(prog)
	for p.use.Len() > p.max {
		last := p.use.Back()
		old := p.use.Remove(last).(*program)
		delete(p.by, programKey{old.def.ID, old.def.Version})
	}
}

// program loads and compiles a version of a definition, or takes it from memory.
func (a *activities) program(ctx context.Context, id string, version int64) (*program, error) {
	if prog := a.programs.get(programKey{id, version}); prog != nil {
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
	a.programs.put(prog)
	return prog, nil
}

// overNetwork reports whether fetching the definition's context needs the network.
func overNetwork(def *activitycore.Definition) bool {
	for _, s := range def.Context {
		if s.HTTP != nil {
			return true
		}
	}
	return false
}
