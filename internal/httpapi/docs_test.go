package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/sqlite"
)

// openAPI is the API's document as far as the tests read it.
type openAPI struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Tags        []string
		Summary     string
		Description string
		Parameters  []struct{ Name string }
		RequestBody *struct {
			Content map[string]struct {
				Schema  json.RawMessage
				Example json.RawMessage
			}
		}
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]json.RawMessage }
	}
}

// ask gets an answer whole.
func ask(t *testing.T, method, url string, header http.Header, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func described(t *testing.T, url string) (doc openAPI) {
	t.Helper()
	_, text := ask(t, "GET", url+"/openapi.json", nil, "")
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Paths) < 40 {
		t.Fatalf("the document has %d paths (%v), want at least 40", len(doc.Paths), err)
	}
	return doc
}

// walked is the page with its IDs, links and text.
type walked struct {
	ids   map[string]*html.Node
	links []string
	text  string
	style string
}

func walk(t *testing.T, page string) walked {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	w := walked{ids: map[string]*html.Node{}}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				if w.ids[a.Val] != nil {
					t.Errorf("the ID %q stands twice on the page", a.Val)
				}
				w.ids[a.Val] = n
			case "href":
				w.links = append(w.links, a.Val)
			case "src", "srcset", "action", "formaction", "data", "background", "poster", "http-equiv", "style":
				t.Errorf("<%s> has %s=%q, want nothing that loads or acts", n.Data, a.Key, a.Val)
			}
		}
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "link" || n.Data == "iframe" || n.Data == "base" {
			t.Errorf("the page has the element <%s>", n.Data)
		}
		if n.Data == "style" {
			w.style += textOf(n)
		}
	}
	w.text = textOf(root)
	return w
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// Where there is no internet the page must be the same.
func TestThePageOfTheAPILoadsNothing(t *testing.T) {
	s := server(t)
	answer, text := ask(t, "GET", s.URL+"/docs", nil, "")
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s, want 200 and a page", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	page := walk(t, text)
	for _, l := range page.links {
		switch {
		case strings.HasPrefix(l, "#"):
			if page.ids[l[1:]] == nil {
				t.Errorf("the link %s leads nowhere", l)
			}
		case l == "/openapi.json", l == "/openapi.yaml":
			if a, _ := ask(t, "GET", s.URL+l, nil, ""); a.StatusCode != 200 {
				t.Errorf("the link %s is answered with %d, want 200", l, a.StatusCode)
			}
		default:
			t.Errorf("the page refers to %q", l)
		}
	}
	if found := regexp.MustCompile(`(?i)url\(|@import|image-set|https?:|//`).FindString(page.style); found != "" || page.style == "" {
		t.Errorf("the stylesheet of %d bytes has %q, want one that loads nothing", len(page.style), found)
	}
	csp := answer.Header.Get("Content-Security-Policy")
	sum := sha256.Sum256([]byte(page.style))
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !slices.Contains(strings.Split(csp, "; "), want) {
			t.Errorf("the policy is %q, want %s in it", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") {
		t.Errorf("the policy is %q, want nothing unsafe and no address", csp)
	}
}

func TestThePageShowsEveryOperation(t *testing.T) {
	s := server(t)
	doc := described(t, s.URL)
	_, text := ask(t, "GET", s.URL+"/docs", nil, "")
	page := walk(t, text)
	for path, methods := range doc.Paths {
		for method, o := range methods {
			at := page.ids[o.OperationID]
			if at == nil {
				t.Errorf("%s %s (%s) is not on the page", method, path, o.OperationID)
				continue
			}
			shown := textOf(at)
			want := []string{strings.ToUpper(method), path, o.Summary, strings.ReplaceAll(o.Description, "`", ""), "curl "}
			for _, p := range o.Parameters {
				want = append(want, p.Name)
			}
			if o.RequestBody != nil {
				for media := range o.RequestBody.Content {
					want = append(want, media)
				}
			}
			for _, w := range want {
				if !strings.Contains(shown, w) {
					t.Errorf("%s on the page lacks %q", o.OperationID, w)
				}
			}
		}
	}
	for name, kind := range doc.Components.Schemas {
		at := page.ids["schema-"+strings.ToLower(name)]
		if at == nil {
			t.Errorf("the type %s is not on the page", name)
			continue
		}
		for field := range kind.Properties {
			if !strings.Contains(textOf(at), field) {
				t.Errorf("the type %s on the page lacks the field %s", name, field)
			}
		}
	}
}

func TestThePageIsAskedForOnce(t *testing.T) {
	s := server(t)
	first, text := ask(t, "GET", s.URL+"/docs", nil, "")
	etag := first.Header.Get("ETag")
	head, nothing := ask(t, "HEAD", s.URL+"/docs/", nil, "")
	if head.StatusCode != 200 || nothing != "" || head.ContentLength != int64(len(text)) || head.Header.Get("ETag") != etag || etag == "" {
		t.Errorf("HEAD is answered with %d, %d bytes of %d, ETag %s; want 200, none of %d, %s", head.StatusCode, len(nothing), head.ContentLength, head.Header.Get("ETag"), len(text), etag)
	}
	again, nothing := ask(t, "GET", s.URL+"/docs", http.Header{"If-None-Match": {etag}}, "")
	if again.StatusCode != http.StatusNotModified || nothing != "" {
		t.Errorf("the same page again is answered with %d and %d bytes, want 304 and none", again.StatusCode, len(nothing))
	}
	if c := first.Header.Get("Cache-Control"); c != "private, no-cache" {
		t.Errorf("Cache-Control is %q, want private, no-cache", c)
	}
	if a, _ := ask(t, "POST", s.URL+"/docs", nil, ""); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d, want 405", a.StatusCode)
	}
}

func TestThePageNeedsTheTokenAndShowsIt(t *testing.T) {
	s := server(t, func(c *httpapi.Config) { c.Token = "the-right-token-1" })
	if a, _ := ask(t, "GET", s.URL+"/docs", nil, ""); a.StatusCode != 401 {
		t.Errorf("without a token: %d, want 401", a.StatusCode)
	}
	a, text := ask(t, "GET", s.URL+"/docs", http.Header{"Authorization": {"Bearer the-right-token-1"}}, "")
	if a.StatusCode != 200 || !strings.Contains(text, "Authorization: Bearer $ACTIVITY_CORE_TOKEN") || strings.Contains(text, "the-right-token-1") {
		t.Errorf("%d; want 200, examples with $ACTIVITY_CORE_TOKEN, and never the token itself", a.StatusCode)
	}
}

// What the page says of errors is what docs/conventions.md says.
func TestTheErrorsOnThePageAreThoseOfTheConventions(t *testing.T) {
	raw, err := os.ReadFile("../../docs/conventions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "## Errors of the API")
	section, _, _ = strings.Cut(section, "\n## ")
	_, text := ask(t, "GET", server(t).URL+"/docs", nil, "")
	shown := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?s)<tr><td><code>([a-z_]+)</code></td><td>([0-9, ]+)</td><td>(.*?)</td></tr>`).FindAllStringSubmatch(text, -1) {
		root, err := html.Parse(strings.NewReader(m[3]))
		if err != nil {
			t.Fatal(err)
		}
		shown[m[1]] = []string{m[2], textOf(root)}
	}
	number := regexp.MustCompile(`[0-9]{3}`)
	codes := 0
	for _, line := range strings.Split(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !number.MatchString(cells[2]) {
			continue
		}
		var statuses []string
		for _, code := range strings.Split(cells[1], ",") {
			codes++
			row := shown[strings.Trim(code, " `")]
			if row == nil {
				t.Errorf("the code %s is not on the page", code)
				continue
			}
			if when := strings.ReplaceAll(cells[3], "`", ""); !strings.Contains(when, row[1]) {
				t.Errorf("%s: the page says %q, docs/conventions.md %q", code, row[1], when)
			}
			statuses = append(statuses, number.FindAllString(row[0], -1)...)
		}
		if want := number.FindAllString(cells[2], -1); !slices.Equal(statuses, want) {
			t.Errorf("%s: the page has the statuses %v, docs/conventions.md %v", cells[1], statuses, want)
		}
	}
	if codes != len(shown) || codes == 0 {
		t.Errorf("the page has %d codes, docs/conventions.md %d", len(shown), codes)
	}
}

// Each body has an example, and the API takes it: what it then refuses is that nothing stands
// behind this server.
func TestEveryBodyHasAnExampleThatTheAPITakes(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := server(t, func(c *httpapi.Config) { c.Catalog, c.Record = catalog.New(catalog.Config{Store: store}), store })
	tested := 0
	for path, methods := range described(t, s.URL).Paths {
		for method, o := range methods {
			if o.RequestBody == nil {
				continue
			}
			in := o.RequestBody.Content["application/json"]
			if in.Example == nil {
				t.Errorf("%s has no example", o.OperationID)
				continue
			}
			tested++
			if bytes.Contains(in.Schema, []byte("binary")) {
				t.Errorf("the body of %s is described as bytes: %s", o.OperationID, in.Schema)
			}
			a, text := ask(t, strings.ToUpper(method), s.URL+strings.NewReplacer("{ref}", "x", "{id}", "x", "{name}", "x").Replace(path), http.Header{"Content-Type": {"application/json"}}, string(in.Example))
			switch a.StatusCode {
			case 200, 201, 202, 404, 409, 503: // 409: another example has made it
			default:
				t.Errorf("%s with its example: %d %s", o.OperationID, a.StatusCode, text)
			}
			if o.OperationID == "update-definition" { // an unknown one is 404 whatever the body
				if _, err := document.Parse("example", in.Example, document.JSON); err != nil {
					t.Errorf("the example of %s: %v", o.OperationID, err)
				}
			}
		}
	}
	if tested < 14 {
		t.Errorf("%d bodies were tried, want at least 14", tested)
	}
}

// A type is described as its JSON is, and not as its Go type looks.
func TestOpenAPIDescribesTextsAsTexts(t *testing.T) {
	doc := described(t, server(t).URL)
	for field, want := range map[string]string{
		"jitter": `{"type":"string"}`, "misfire_grace": `{"type":"string"}`, "event_type": `{"oneOf":[{"type":"string"},{"items":{"type":"string"},"type":"array"}]}`,
	} {
		if got := string(doc.Components.Schemas["TriggerConfig"].Properties[field]); got != want {
			t.Errorf("%s is described as %s, want %s", field, got, want)
		}
	}
}
