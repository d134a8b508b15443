package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
)

// several reads the body of plan and apply. It takes time in proportion to the body, and ends when ctx does: the client may have left.
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
	ctx    context.Context //nolint:containedctx // of the one call of read
	body   []byte
	dec    *json.Decoder
	out    catalog.Batch
	docs   []document.Document // of the definitions
	faults []core.FieldError
	// line and bol say where in the body the definition before ended: lines before it, and where its line begins.
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
	for i := 0; r.dec.More(); i++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if i == catalog.MaxApply {
			return catalog.TooMany()
		}
		var raw json.RawMessage
		if err := r.dec.Decode(&raw); err != nil {
			return malformedBody(err)
		}
		if err := r.definition(i, raw); err != nil {
			return err
		}
	}
	return r.delim(']')
}

func (r *severalReader) definition(i int, raw []byte) error {
	at := fmt.Sprintf("definitions[%d]", i)
	r.advance(int(r.dec.InputOffset()) - len(raw))
	docs, err := document.ParseChecked(at, raw, document.JSON, catalog.Check)
	if err != nil {
		if !core.IsCode(err, core.CodeInvalid) {
			return err
		}
		r.faults = append(r.faults, r.inElement(fieldsOf(err), at)...)
	}
	for i := range docs {
		docs[i].At(r.line+1, r.at-r.bol+1)
	}
	r.docs = append(r.docs, docs...)
	r.out.Definitions = append(r.out.Definitions, definitionsOf(docs)...)
	return nil
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

// inElement gives faults of the element that begins here their places in the whole.
func (r *severalReader) inElement(faults []core.FieldError, at string) []core.FieldError {
	faults = slices.Clone(faults)
	for i := range faults {
		f := &faults[i]
		if f.Location != "" {
			f.Location = at + "." + f.Location
		} else {
			f.Location = at
		}
		if f.Line == 1 {
			f.Column += r.at - r.bol
		}
		if f.Line > 0 {
			f.Line += r.line
		}
	}
	return faults
}
