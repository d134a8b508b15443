package httpguard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/httpguard"
)

func TestAPortRefusesWhoIsNotAtThisMachine(t *testing.T) {
	h := httpguard.Handler(httpguard.Config{LocalOnly: true, NoLogin: true, SameSite: true}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") }))
	for name, c := range map[string]struct {
		host, method string
		headers      map[string]string
		want         int
	}{
		"a person":                       {"127.0.0.1:8233", "GET", nil, 200},
		"localhost":                      {"localhost:8233", "GET", nil, 200},
		"IPv6":                           {"[::1]:8233", "GET", nil, 200},
		"a name that points here":        {"evil.example:8233", "GET", nil, 403},
		"another machine's address":      {"10.0.0.1", "GET", nil, 403},
		"no host":                        {"", "GET", nil, 403},
		"Forwarded":                      {"localhost", "GET", map[string]string{"Forwarded": "for=1.2.3.4"}, 403},
		"X-Forwarded-For":                {"localhost", "GET", map[string]string{"X-Forwarded-For": "1.2.3.4"}, 403},
		"X-Forwarded-Host":               {"localhost", "GET", map[string]string{"X-Forwarded-Host": "a"}, 403},
		"X-Real-IP":                      {"localhost", "GET", map[string]string{"X-Real-IP": "1.2.3.4"}, 403},
		"Via":                            {"localhost", "GET", map[string]string{"Via": "1.1 proxy"}, 403},
		"CF-Connecting-IP":               {"localhost", "GET", map[string]string{"CF-Connecting-IP": "1.2.3.4"}, 403},
		"a script of another site":       {"localhost", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403},
		"a frame of another site":        {"localhost", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
		"a sibling":                      {"localhost", "GET", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403},
		"a link on another site":         {"localhost", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		"a form of another site":         {"localhost", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
		"an address typed by the person": {"localhost", "GET", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200},
		"its own page":                   {"localhost", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"a long method":                  {"localhost", strings.Repeat("A", 900_000), nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host, r.Method = c.host, c.method
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.want)
			}
			if len(r.Method) > httpguard.MaxMethod {
				t.Errorf("a method of %d bytes is handed on", len(r.Method))
			}
		})
	}
}

// A reader that stops reading holds a handler, its answer, and what that holds, until the deadline.
func TestAReaderThatDoesNotReadIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(httpguard.Handler(httpguard.Config{Stall: 50 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 512)); err != nil { // small, so that the time for it is the stall alone
				ended <- err
				return
			}
		}
	})))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err := <-ended; err == nil {
		t.Error("the handler wrote on to a reader that does not read")
	}
}

func TestAnAnswerAfterALongWaitArrives(t *testing.T) {
	const stall = 30 * time.Millisecond
	srv := httptest.NewServer(httpguard.Handler(httpguard.Config{Stall: stall}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(4 * stall) // the work, longer than a reader may take
		fmt.Fprint(w, r.URL.Path)
	})))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, path := range []string{"/first", "/second"} { // on one connection
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || string(body) != path {
			t.Errorf("%q %v, want %q", body, err, path)
		}
	}
}
