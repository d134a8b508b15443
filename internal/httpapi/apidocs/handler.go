package apidocs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed style.css
var style string

//go:embed page.html
var layout string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{"text": spans}).Parse(layout))

// Options are what the document does not say.
type Options struct {
	// Token says that requests need a bearer token: the examples show it.
	Token bool
	// Errors are the codes of problem documents.
	Errors []ErrorCode
}

// ErrorCode is a row of the table of errors.
type ErrorCode struct {
	Code     string
	Statuses []int
	When     string
}

// Page is the page as it is sent.
type Page struct {
	html []byte
	etag string
	csp  string
}

// Render makes the page. What it says is the document as it is now: render it when all
// operations are registered.
func Render(doc *huma.OpenAPI, o Options) (*Page, error) {
	var out bytes.Buffer
	if err := pages.Execute(&out, pageOf(doc, o)); err != nil {
		return nil, fmt.Errorf("page of the API: %w", err)
	}
	sum, css := sha256.Sum256(out.Bytes()), sha256.Sum256([]byte(style))
	return &Page{
		html: out.Bytes(),
		etag: `"` + hex.EncodeToString(sum[:16]) + `"`,
		csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(css[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

// ServeHTTP implements [http.Handler].
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.csp)
	h.Set("Cache-Control", "private, no-cache") // kept by the browser, and asked about each time
	h.Set("ETag", p.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.html))
}
