package apidocs

import (
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// view is what the template shows.
type view struct {
	Style            template.CSS
	Title, Version   string
	Description      string
	Token            bool
	Groups           []group
	Errors           []ErrorCode
	Problem          *schema
	Schemas          []schema
	OperationsNumber int
}

type group struct {
	ID, Name, Description string
	Operations            []operation
}

type operation struct {
	ID, Method, Path, Summary, Description string
	Deprecated                             bool
	Params                                 []param
	Body                                   *content
	Answers                                []response
	Example                                string
}

type param struct {
	Name, In string
	Required bool
	Field    field
}

// content is a body, in each of its media types.
type content struct {
	Required    bool
	Description string
	Media       []media
}

type media struct {
	Type   string
	Schema schema
}

type response struct {
	Status, Name, Description string
	Problem                   bool
	Headers                   []param
	Media                     []media
}

// others is the tag of operations that have none.
const others = "Other"

func pageOf(doc *huma.OpenAPI, o Options) view {
	v := view{Style: template.CSS(style), Token: o.Token, Errors: o.Errors}
	if doc.Info != nil {
		v.Title, v.Version, v.Description = doc.Info.Title, doc.Info.Version, doc.Info.Description
	}
	s := schemas{}
	if doc.Components != nil && doc.Components.Schemas != nil {
		s.named = doc.Components.Schemas.Map()
	}
	byTag := map[string]int{}
	for _, t := range doc.Tags {
		byTag[t.Name] = len(v.Groups)
		v.Groups = append(v.Groups, group{ID: "tag-" + slug(t.Name), Name: t.Name, Description: t.Description})
	}
	for _, found := range operationsOf(doc) {
		tag := others
		if len(found.op.Tags) > 0 {
			tag = found.op.Tags[0]
		}
		at, ok := byTag[tag]
		if !ok {
			at = len(v.Groups)
			byTag[tag] = at
			v.Groups = append(v.Groups, group{ID: "tag-" + slug(tag), Name: tag})
		}
		v.Groups[at].Operations = append(v.Groups[at].Operations, s.operation(found, o))
		v.OperationsNumber++
	}
	v.Groups = slices.DeleteFunc(v.Groups, func(g group) bool { return len(g.Operations) == 0 })
	for _, name := range slices.Sorted(maps.Keys(s.named)) {
		v.Schemas = append(v.Schemas, s.entry(name))
	}
	if s.named["Problem"] != nil {
		problem := s.of(&huma.Schema{Ref: refPrefix + "Problem"})
		v.Problem = &problem
	}
	return v
}

// located is an operation with its place in the document.
type located struct {
	method, path string
	op           *huma.Operation
	shared       []*huma.Param
}

// operationsOf are all operations by path, and of a path in the order in which one reads,
// makes, changes, deletes.
func operationsOf(doc *huma.OpenAPI) []located {
	var out []located
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, m := range []struct {
			method string
			op     *huma.Operation
		}{
			{http.MethodGet, item.Get}, {http.MethodHead, item.Head}, {http.MethodOptions, item.Options}, {http.MethodTrace, item.Trace},
			{http.MethodPost, item.Post}, {http.MethodPut, item.Put}, {http.MethodPatch, item.Patch}, {http.MethodDelete, item.Delete},
		} {
			if m.op != nil && !m.op.Hidden {
				out = append(out, located{m.method, path, m.op, item.Parameters})
			}
		}
	}
	return out
}

func (s schemas) operation(l located, o Options) operation {
	out := operation{
		ID: slug(cmp.Or(l.op.OperationID, l.method+"-"+l.path)), Method: l.method, Path: l.path,
		Summary: cmp.Or(l.op.Summary, l.op.OperationID, l.method+" "+l.path), Description: l.op.Description, Deprecated: l.op.Deprecated,
	}
	params := slices.Concat(l.shared, l.op.Parameters)
	for _, p := range params {
		if p.Schema != nil {
			out.Params = append(out.Params, s.param(p, p.Name, p.In))
		}
	}
	if b := l.op.RequestBody; b != nil {
		out.Body = &content{Required: b.Required, Description: b.Description, Media: s.media(b.Content)}
	}
	for _, status := range slices.Sorted(maps.Keys(l.op.Responses)) {
		out.Answers = append(out.Answers, s.response(status, l.op.Responses[status]))
	}
	out.Example = curl(l, params, o.Token)
	return out
}

func (s schemas) param(p *huma.Param, name, in string) param {
	f := s.field(name, p.Schema, p.Required, nil)
	f.Description = cmp.Or(p.Description, f.Description)
	f.Deprecated = f.Deprecated || p.Deprecated
	return param{Name: name, In: in, Required: p.Required, Field: f}
}

func (s schemas) response(status string, r *huma.Response) response {
	out := response{Status: status, Description: r.Description}
	if n, err := strconv.Atoi(status); err == nil {
		out.Name = http.StatusText(n)
	}
	if out.Description == out.Name {
		out.Description = ""
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if h := r.Headers[name]; h.Schema != nil {
			out.Headers = append(out.Headers, s.param(h, name, "header"))
		}
	}
	_, out.Problem = r.Content["application/problem+json"]
	out.Media = s.media(r.Content)
	return out
}

// media are the forms of a body; one that looks like the form before it is named only.
func (s schemas) media(content map[string]*huma.MediaType) []media {
	var out []media
	for _, name := range mediaTypes(content) {
		m := media{Type: name}
		if c := content[name]; c.Schema != nil {
			m.Schema = s.of(c.Schema)
		}
		out = append(out, m)
	}
	return out
}

// mediaTypes begin with plain JSON.
func mediaTypes(content map[string]*huma.MediaType) []string {
	return slices.SortedFunc(maps.Keys(content), func(a, b string) int {
		rank := func(name string) int {
			if name == jsonType {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

// slug is a text as the anchor of a link.
func slug(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text), "-")
}

// span is a piece of a text: code stands between backquotes.
type span struct {
	Code bool
	Text string
}

func spans(text string) []span {
	parts := strings.Split(text, "`")
	out := make([]span, 0, len(parts))
	for i, p := range parts {
		switch {
		case i%2 == 1 && i == len(parts)-1: // a backquote that nothing closes
			out = append(out, span{Text: "`" + p})
		case p != "":
			out = append(out, span{Code: i%2 == 1, Text: p})
		}
	}
	return out
}
