package apidocs_test

import (
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/net/html"

	"github.com/activity-core/activity-core/internal/httpapi/apidocs"
)

func page(t *testing.T, doc *huma.OpenAPI, o apidocs.Options) *httptest.ResponseRecorder {
	t.Helper()
	p, err := apidocs.Render(doc, o)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/docs", nil))
	return w
}

func elements(t *testing.T, text string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

func document(item map[string]*huma.PathItem) *huma.OpenAPI {
	return &huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "t", Version: "1"}, Paths: item, Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)}}
}

const hostile = `"'><script>alert(1)</script></style></title><img src=https://evil.example/x onerror=alert(1)>` + "`</code><a href=javascript:alert(1)>`"

// Every text of the document is hostile here, and none of it may become an element or an attribute.
func TestHostileTextIsTextOnly(t *testing.T) {
	kind := &huma.Schema{
		Type: "object", Description: hostile, Title: hostile, Required: []string{hostile},
		Properties: map[string]*huma.Schema{
			hostile: {Type: hostile, Format: hostile, Description: hostile, Default: hostile, Enum: []any{hostile}, Pattern: hostile},
			"list":  {Type: "array", Items: &huma.Schema{Ref: "#/components/schemas/" + hostile}},
		},
	}
	doc := document(map[string]*huma.PathItem{"/" + hostile + "/{" + hostile + "}": {Post: &huma.Operation{
		OperationID: hostile, Summary: hostile, Description: hostile, Tags: []string{hostile}, Deprecated: true,
		Parameters: []*huma.Param{{Name: hostile, In: hostile, Description: hostile, Required: true, Schema: kind}},
		RequestBody: &huma.RequestBody{Description: hostile, Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: kind, Example: map[string]string{hostile: hostile}}, hostile: {Schema: kind},
		}},
		Responses: map[string]*huma.Response{hostile: {Description: hostile, Headers: map[string]*huma.Param{hostile: {Schema: kind, Description: hostile}},
			Content: map[string]*huma.MediaType{hostile: {Schema: kind}}}},
	}}})
	doc.Info = &huma.Info{Title: hostile, Version: hostile, Description: hostile}
	doc.Tags = []*huma.Tag{{Name: hostile, Description: hostile}}
	doc.Components.Schemas.Map()[hostile] = kind
	w := page(t, doc, apidocs.Options{Token: true, Errors: []apidocs.ErrorCode{{Code: hostile, Statuses: []int{400}, When: hostile}}})
	if n := strings.Count(w.Body.String(), "alert(1)"); n < 40 {
		t.Fatalf("the text stands %d times on the page, want it wherever the document has it (more than 40)", n)
	}
	known := []string{"html", "head", "meta", "title", "style", "body", "a", "nav", "small", "ul", "li", "span", "main", "header", "h1", "h2", "h3", "h4", "p", "pre", "code",
		"section", "article", "div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
	attributes := []string{"lang", "charset", "name", "content", "id", "class", "href", "title", "aria-label", "aria-labelledby", "scope", "colspan"}
	for _, n := range elements(t, w.Body.String()) {
		if !slices.Contains(known, n.Data) {
			t.Errorf("the page has the element <%s %v>, want only those of the template", n.Data, n.Attr)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, a.Key) {
				t.Errorf("<%s> has the attribute %s=%q, want only those of the template", n.Data, a.Key, a.Val)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "/openapi.") {
				t.Errorf("a link leads to %q, want a place on the page or the document", a.Val)
			}
		}
	}
	if strings.Count(w.Body.String(), "<style>") != 1 || strings.Count(w.Body.String(), "</style>") != 1 {
		t.Error("the stylesheet is broken out of")
	}
}

type tree struct {
	Children []tree          `json:"children"`
	ByName   map[string]tree `json:"by_name"`
	Back     *branch         `json:"back"`
}
type branch struct {
	Tree tree `json:"tree"`
}

func TestTypesThatHoldThemselvesEnd(t *testing.T) {
	doc := document(nil)
	of := doc.Components.Schemas.Schema(reflect.TypeFor[tree](), true, "")
	named := doc.Components.Schemas.Map()
	named["Loop"] = &huma.Schema{Ref: "#/components/schemas/Loop"}
	named["Lists"] = &huma.Schema{Type: "array", Items: &huma.Schema{Ref: "#/components/schemas/Lists"}}
	itself := &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{}}
	itself.Properties["me"] = itself
	itself.Properties["loop"] = named["Loop"]
	itself.Properties["lists"] = named["Lists"]
	doc.Paths = map[string]*huma.PathItem{"/x": {Get: &huma.Operation{Responses: map[string]*huma.Response{
		"200": {Content: map[string]*huma.MediaType{"application/json": {Schema: of}}},
		"201": {Content: map[string]*huma.MediaType{"application/json": {Schema: itself}}},
	}}}}
	w := page(t, doc, apidocs.Options{})
	text := w.Body.String()
	if w.Body.Len() > 100_000 {
		t.Errorf("the page has %d bytes, want at most 100,000", w.Body.Len())
	}
	for _, want := range []string{`<a href="#schema-tree">Tree</a>`, `id="schema-tree"`, "list of Tree", "map of Tree", `id="schema-loop"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestOperationsWithoutTagsAndIDsAreShown(t *testing.T) {
	get := &huma.Operation{Responses: map[string]*huma.Response{"204": {Description: "No Content"}}}
	w := page(t, document(map[string]*huma.PathItem{"/a/{b}": {Get: get, Delete: &huma.Operation{}, Head: &huma.Operation{Hidden: true}}}), apidocs.Options{})
	for _, want := range []string{`id="get--a--b"`, `id="delete--a--b"`, "curl &#34;$ACTIVITY_CORE_SERVER/a/$B&#34;", `id="tag-other"`, "2 operations"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s: %s", want, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), "HEAD") {
		t.Error("a hidden operation is shown")
	}
}
