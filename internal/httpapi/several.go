package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
)

// several reads the body of plan and apply. It takes time in proportion to the body, and ends
// when ctx does: the client may have left.
func (b DocumentBody) several(ctx context.Context) (catalog.Batch, []document.Document, error) {
	format, err := b.format()
	if err != nil {
		return catalog.Batch{}, nil, err
	}
	if format != document.YAML {
		r := &severalReader{ctx: ctx, body: b.RawBody, dec: json.NewDecoder(bytes.NewReader(b.RawBody))}
		batch, err := r.read()
		return batch, r.docs, err
	}
	check := func(def *core.Definition, unread ...string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return catalog.Check(def, unread...)
	}
	docs, err := document.ParseChecked("the body", b.RawBody, format, check)
	if len(docs) > catalog.MaxApply {
		return catalog.Batch{}, nil, catalog.TooMany()
	}
	return catalog.Batch{Definitions: definitionsOf(docs), Checked: true}, docs, err
}

// severalReader reads {"definitions": […], "prune": false} one definition after the other.
type severalReader struct {
	ctx      context.Context //nolint:containedctx // of the one call of read
	body     []byte
	dec      *json.Decoder
	out      catalog.Batch
	docs     []document.Document // of the definitions
	faults   []core.FieldError
	elements []element
	// at is how far lines are counted, line how many there are before it, bol where its own begins.
	at, line, bol int
}

func malformedBody(err error) error {
	return core.Wrap(core.CodeMalformed, err, "the body must be {\"definitions\": […], \"prune\": false}: %v", err)
}

func (r *severalReader) read() (catalog.Batch, error) {
	if err := r.delim('{'); err != nil {
		return r.out, err
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return r.out, malformedBody(err)
		}
		switch name, _ := key.(string); strings.ToLower(name) { // as encoding/json takes names
		case "definitions":
			err = r.definitions()
		case "prune":
			if err = r.dec.Decode(&r.out.Prune); err != nil {
				err = malformedBody(err)
			}
		default:
			err = malformedBody(fmt.Errorf("unknown field %q", name))
		}
		if err != nil {
			return r.out, err
		}
	}
	if err := r.delim('}'); err != nil {
		return r.out, err
	}
	if len(r.faults) > 0 {
		return r.out, core.InvalidFields("not valid", r.faults...)
	}
	r.out.Checked = true
	return r.out, nil
}

func (r *severalReader) delim(want json.Delim) error {
	token, err := r.dec.Token()
	if err != nil {
		return malformedBody(err)
	}
	if token != want {
		return malformedBody(fmt.Errorf("%v where %s is expected", token, want))
	}
	return nil
}

func (r *severalReader) definitions() error {
	r.out.Definitions, r.docs, r.faults = nil, nil, nil // of a field that comes twice the last one counts
	token, err := r.dec.Token()
	switch {
	case err != nil:
		return malformedBody(err)
	case token == nil:
		return nil
	case token != json.Delim('['):
		return malformedBody(fmt.Errorf("definitions is %v, not a list", token))
	}
	r.elements = nil
	for i := 0; r.dec.More(); i++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if i == catalog.MaxApply {
			return catalog.TooMany()
		}
		e := element{name: fmt.Sprintf("definitions[%d]", i)}
		if err := r.dec.Decode(&e.raw); err != nil {
			return malformedBody(err)
		}
		r.advance(int(r.dec.InputOffset()) - len(e.raw))
		e.line, e.column = r.line, r.at-r.bol
		r.elements = append(r.elements, e)
	}
	if err := r.delim(']'); err != nil {
		return err
	}
	return r.check()
}

// element is one definition of the body, where it begins there, and what it comes to.
type element struct {
	name         string
	raw          json.RawMessage
	line, column int
	docs         []document.Document
	faults       []core.FieldError
}

// check reads and judges the definitions, as many at once as there are processors: that is most
// of the time an apply takes.
func (r *severalReader) check() error {
	work, ctx := errgroup.WithContext(r.ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.elements {
		e := &r.elements[i]
		work.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return e.check()
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for i := range r.elements {
		r.docs = append(r.docs, r.elements[i].docs...)
		r.out.Definitions = append(r.out.Definitions, definitionsOf(r.elements[i].docs)...)
		r.faults = append(r.faults, r.elements[i].faults...)
	}
	return nil
}

func (e *element) check() (err error) {
	e.docs, err = document.ParseChecked(e.name, e.raw, document.JSON, catalog.Check)
	if core.IsCode(err, core.CodeInvalid) {
		e.faults, err = e.inBody(fieldsOf(err)), nil
	}
	for i := range e.docs {
		e.docs[i].At(e.line+1, e.column+1)
	}
	return err
}

// advance counts the lines up to a place of the body, each byte once.
func (r *severalReader) advance(to int) {
	part := r.body[r.at:to]
	r.line += bytes.Count(part, []byte("\n"))
	if last := bytes.LastIndexByte(part, '\n'); last >= 0 {
		r.bol = r.at + last + 1
	}
	r.at = to
}

// inBody gives faults of the element their places in the whole.
func (e *element) inBody(faults []core.FieldError) []core.FieldError {
	faults = slices.Clone(faults)
	for i := range faults {
		f := &faults[i]
		if f.Location != "" {
			f.Location = e.name + "." + f.Location
		} else {
			f.Location = e.name
		}
		if f.Line == 1 {
			f.Column += e.column
		}
		if f.Line > 0 {
			f.Line += e.line
		}
	}
	return faults
}
