package outbound

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"

	core "github.com/activity-core/activity-core"
)

// upload is a request's body on its way. A server can answer before it has read all of it;
// net/http then hands out the answer and gives the rest up without a word.
type upload struct {
	body []byte

	mu    sync.Mutex
	now   *bodyReader   // of the request made last; nil without a body
	wrote chan struct{} // closed when that request was written, or given up
}

// bodyReader counts what was taken of the body.
type bodyReader struct {
	up   *upload
	left bytes.Reader
}

func (b *bodyReader) Read(p []byte) (int, error) {
	b.up.mu.Lock()
	defer b.up.mu.Unlock()
	return b.left.Read(p)
}

func (b *bodyReader) Close() error { return nil }

// reader begins the body anew, as a redirect and a repeat on another connection need it.
func (u *upload) reader() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now = &bodyReader{up: u}
	u.now.left.Reset(u.body)
	u.wrote = make(chan struct{})
	return u.now, nil
}

// traced lets the upload know when a request was written.
func (u *upload) traced(ctx context.Context) context.Context {
	if len(u.body) == 0 {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		u.mu.Lock()
		defer u.mu.Unlock()
		select {
		case <-u.wrote: // closed before
		default:
			close(u.wrote)
		}
	}})
}

func (u *upload) state() (left int, wrote <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.now == nil {
		return 0, nil
	}
	return u.now.left.Len(), u.wrote
}

// unfinished is the error of an answer that says done, to a request of which a part was never sent.
func (u *upload) unfinished(ctx context.Context, r Request, res *http.Response) error {
	if !complete(res.StatusCode) {
		return nil
	}
	left, wrote := u.state()
	if left == 0 {
		return nil
	}
	_ = res.Body.Close() // ends what is still being written
	select {
	case <-wrote:
	case <-ctx.Done():
	}
	if left, _ = u.state(); left == 0 {
		return nil
	}
	return core.Errorf(core.CodeUnavailable, "%s answered %d after %d of the %d bytes of the request's body, and took no more",
		r.URL.Host, res.StatusCode, len(u.body)-left, len(u.body))
}
