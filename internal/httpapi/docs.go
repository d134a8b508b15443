package httpapi

import (
	"net/http"
	"sync"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apidocs"
)

// errorCodes are the codes of problem documents, as docs/conventions.md has them.
var errorCodes = []apidocs.ErrorCode{
	{Code: string(core.CodeMalformed), Statuses: []int{400}, When: "bytes that are not the format they claim to be, a body that is missing or breaks off"},
	{Code: string(core.CodeInvalid), Statuses: []int{422, 405, 415}, When: "a wrong value; a method the route does not take (`Allow` has those it does); a media type other than JSON (of a definition also YAML)"},
	{Code: string(core.CodeUnauthorized), Statuses: []int{401}, When: "no token or a wrong one"},
	{Code: string(core.CodeForbidden), Statuses: []int{403}, When: "a request from another site"},
	{Code: string(core.CodeNotFound), Statuses: []int{404}, When: "no such definition, run, task …, no such route"},
	{Code: string(core.CodeConflict), Statuses: []int{409}, When: "the name or key is taken, the state forbids it"},
	{Code: string(core.CodePreconditionFailed), Statuses: []int{412}, When: "`If-Match` names an old version"},
	{Code: string(core.CodeTooLarge), Statuses: []int{413, 414, 431}, When: "the body is above the route's limit; address or headers are above 64 KiB"},
	{Code: string(core.CodeInternal), Statuses: []int{500}, When: "a defect, the log has more"},
	{Code: string(core.CodeUnavailable), Statuses: []int{503}, When: "a server we depend on does not answer, `Retry-After` says when to ask again"},
}

// docs serves the page of the API. It is made when somebody first asks for it.
func (s *server) docs() {
	s.describe()
	render := sync.OnceValues(func() (*apidocs.Page, error) {
		return apidocs.Render(s.api.OpenAPI(), apidocs.Options{Token: s.Token != "", Errors: errorCodes})
	})
	s.mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		p, err := render()
		if err != nil {
			writeProblem(w, r, s.toProblem(r.Context(), err))
			return
		}
		p.ServeHTTP(w, r)
	})
}
