//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/api"
	"github.com/temporalio/ui-server/v2/server/auth"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/headers"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// UI is a running Temporal Web UI.
type UI struct {
	url  string
	http *http.Server
	conn *grpc.ClientConn

	stopOnce sync.Once
	served   chan struct{} // closed when the HTTP server has returned
	stopErr  error
}

// StartUI starts the Temporal Web UI and returns when it listens. It connects to Temporal at
// the first request, so it may be started before Temporal is. A port that is taken gives a
// [PortInUseError].
func StartUI(cfg UIConfig) (*UI, error) {
	addr, err := parseAddr("Temporal UI", cfg.Addr)
	if err != nil {
		return nil, err
	}
	if !addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("Temporal UI address %q: want a loopback address such as 127.0.0.1:8233, because the UI has no login", cfg.Addr)
	}
	if cfg.Namespace == "" {
		cfg.Namespace = DefaultNamespace
	}
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, listenError("Temporal UI", addr.String(), UIPortFlag, err)
	}
	handler, conn, err := uiHandler(cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start Temporal UI: %w", err), listener.Close())
	}
	if cfg.Guard != nil {
		handler = cfg.Guard(handler)
	}
	logger := serverLogger(cfg.Logger, slog.LevelWarn, "temporal-ui")
	u := &UI{
		url:    "http://" + listener.Addr().String(),
		conn:   conn,
		served: make(chan struct{}),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
	}
	go func() {
		defer close(u.served)
		if err := u.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("Temporal UI stopped serving", "error", err)
		}
	}()
	return u, nil
}

// URL is the address of the UI for a browser.
func (u *UI) URL() string { return u.url }

// Stop closes the listener and all connections and returns when they are closed. It may be
// called again, and on nil.
func (u *UI) Stop(context.Context) error {
	if u == nil {
		return nil
	}
	u.stopOnce.Do(func() {
		// Close, not Shutdown: a browser tab that is long-polling must not hold the process back.
		u.stopErr = errors.Join(u.http.Close(), u.conn.Close())
	})
	<-u.served
	return u.stopErr
}

// uiHandler puts together what the UI server's own NewServer does. That one cannot be used: it
// binds the port itself and ends the process when it cannot.
func uiHandler(cfg UIConfig) (http.Handler, *grpc.ClientConn, error) {
	provider, err := uiconfig.NewConfigProviderWithRefresh(&uiconfig.Config{
		TemporalGRPCAddress: cfg.TemporalAddr,
		DefaultNamespace:    cfg.Namespace,
		EnableUI:            true,
		HideLogs:            true,
		DisableNewsFetch:    true,                                // nothing reaches out to the internet
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
	})
	if err != nil {
		return nil, nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	e.Use(middleware.Recover(), middleware.Gzip(), middleware.Secure(),
		csrf.EnsureTokenCookie(false), middleware.CSRFWithConfig(csrf.MiddlewareConfig(provider, false)))
	route.SetHealthRoute(e)
	conn, err := setUIAPIRoutes(e, provider)
	if err != nil {
		return nil, nil, err
	}
	assets, err := ui.Assets()
	if err == nil {
		assets, err = fs.Sub(assets, "local")
	}
	if err == nil {
		err = route.SetUIRoutes(e, "", assets)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	route.SetRenderRoute(e, "")
	return e, conn, nil
}

// setUIAPIRoutes is route.SetAPIRoutes with a connection that we keep, to close it.
func setUIAPIRoutes(e *echo.Echo, provider *uiconfig.ConfigProviderWithRefresh) (*grpc.ClientConn, error) {
	conn, err := api.CreateGRPCConnection(provider)
	if err != nil {
		return nil, err
	}
	forward := []api.Middleware{headers.WithForwardHeaders([]string{auth.AuthorizationExtrasHeader, "Caller-Type"})}
	group := e.Group("/api/v1")
	group.GET("/settings", api.GetSettings(provider))
	group.GET(api.WorkflowRawHistoryUrl, api.WorkflowRawHistoryHandler(workflowservice.NewWorkflowServiceClient(conn)))
	group.Match([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, "/*",
		api.TemporalAPIHandler(provider, forward, conn))
	return conn, nil
}
